package testkit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"guichet.dev/guichet/internal/testkit"
)

func TestDatabaseIsTheTestsOwn(t *testing.T) {
	t.Parallel()
	first := testkit.DatabaseURL(t)
	if again := testkit.DatabaseURL(t); again != first {
		t.Error("one test got two databases")
	}
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The same name in both would collide in a shared database.
			if _, err := testkit.Database(t).ExecContext(t.Context(), "CREATE TABLE mine (n int)"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDatabaseIsDropped(t *testing.T) {
	t.Parallel()
	var gone string
	t.Run("uses one", func(t *testing.T) {
		if err := testkit.Database(t).QueryRowContext(t.Context(), "SELECT current_database()").Scan(&gone); err != nil {
			t.Fatal(err)
		}
	})
	var exists bool
	err := testkit.Database(t).QueryRowContext(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = ?)", gone).Scan(&exists)
	if err != nil || exists {
		t.Errorf("database %q still exists: %v, %v", gone, exists, err)
	}
}

func TestTemporalNamespaceIsTheTestsOwn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testkit.Temporal(t)
			status := temporal.NewSearchAttributeKeyKeyword("GuichetTestStatus")
			s.AddSearchAttributes(t, map[string]enums.IndexedValueType{status.GetName(): enums.INDEXED_VALUE_TYPE_KEYWORD})
			w := worker.New(s.Client, s.TaskQueue, worker.Options{})
			w.RegisterWorkflowWithOptions(func(workflow.Context) (string, error) { return name, nil }, workflow.RegisterOptions{Name: "Say"})
			if err := w.Start(); err != nil {
				t.Fatal(err)
			}
			defer w.Stop()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			run, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
				ID: "same", TaskQueue: s.TaskQueue, TypedSearchAttributes: temporal.NewSearchAttributes(status.ValueSet("open")),
			}, "Say")
			if err != nil {
				t.Fatal(err)
			}
			var said string
			if err := run.Get(ctx, &said); err != nil || said != name {
				t.Errorf("said %q, %v; want %q", said, err, name)
			}
		})
	}
}

func TestEventually(t *testing.T) {
	t.Parallel()
	left := 3
	testkit.Eventually(t, time.Minute, func() error {
		if left--; left > 0 {
			return errors.New("not yet")
		}
		return nil
	})
	if left != 0 {
		t.Errorf("condition was called %d times too many", -left)
	}
}

func TestLoggerMayOutliveTheTest(t *testing.T) {
	t.Parallel()
	var log interface{ Info(string, ...any) }
	t.Run("over", func(t *testing.T) { log = testkit.Logger(t) })
	log.Info("this would be a panic")
}
