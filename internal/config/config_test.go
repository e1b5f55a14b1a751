package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/internal/config"
)

func read(values map[string]string) (config.Config, error) {
	return config.Read(func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	})
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := read(map[string]string{"GUICHET_PORT": "", "GUICHET_LISTEN": " ", "GUICHET_STOP_TIMEOUT": "\t"})
	if err != nil {
		t.Fatal(err)
	}
	if c.RetainWebhooks != config.Age(90*24*time.Hour) || c.RetainEvents != 0 || c.RetainConversations != 0 {
		t.Errorf("%+v", c)
	}
	if c.Listen != "127.0.0.1:8080" || c.Port != 8080 || c.Namespace != "default" || c.StopTimeout != 25*time.Second || c.AllowsPrivate() {
		t.Errorf("%+v", c)
	}
	if c, err = read(map[string]string{"GUICHET_DEMO": "true", "GUICHET_PORT": "0", "TEMPORAL_ADDRESS": "temporal:7233"}); err != nil || !c.AllowsPrivate() || c.Port != 0 {
		t.Errorf("%+v %v", c, err)
	}
	if c, err = read(map[string]string{"GUICHET_DEMO": "true", "GUICHET_ALLOW_PRIVATE_PROVIDERS": "false"}); err != nil || c.AllowsPrivate() {
		t.Errorf("%+v %v", c, err)
	}
}

func TestWrongValuesAreAllNamed(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{
		"GUICHET_LISTEN": "8080", "GUICHET_PORT": "70000", "GUICHET_DEMO": "yes", "GUICHET_LOG_LEVEL": "loud",
		"GUICHET_STOP_TIMEOUT": "0s", "GUICHET_SIMULATOR_URL": "guichet.example", "TEMPORAL_ADDRESS": "temporal:seven", "GUICHET_RETAIN_EVENTS": "0d", "GUICHET_RETAIN_WEBHOOKS": "720h",
	}
	_, err := read(wrong)
	if err == nil {
		t.Fatal("no error")
	}
	for name, value := range wrong {
		if !strings.Contains(err.Error(), name+` is "`+value+`"; allowed is `) {
			t.Errorf("%s is not explained in: %v", name, err)
		}
	}
}

func TestTableNamesEverything(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := config.Table(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"`GUICHET_LOG_LEVEL` | `info` | debug, info, warn, error |", "`DATABASE_URL`", "`GUICHET_PORT` | `8080` | 0 to 65535 |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, &out)
		}
	}
	if strings.Count(out.String(), "\n") < 20 {
		t.Error("the table is short")
	}
}

func TestSecretsMayStandInFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	url := write("url", "postgres://guichet:s3cret@postgres/guichet\n")
	c, err := read(map[string]string{"DATABASE_URL_FILE": url, "GUICHET_BOOTSTRAP_TOKEN_FILE": write("token", " a-long-bootstrap-token ")})
	if err != nil || c.DatabaseURL != "postgres://guichet:s3cret@postgres/guichet" || c.BootstrapToken != "a-long-bootstrap-token" {
		t.Errorf("%+v %v", c, err)
	}
	for name, values := range map[string]map[string]string{
		"DATABASE_URL_FILE: open":            {"DATABASE_URL_FILE": filepath.Join(folder, "none")},
		"is empty":                           {"DATABASE_URL_FILE": write("empty", "\n")},
		"DATABASE_URL and DATABASE_URL_FILE": {"DATABASE_URL_FILE": url, "DATABASE_URL": "postgres://elsewhere/guichet"},
	} {
		if _, err := read(values); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	var out bytes.Buffer
	if err := config.Table(&out); err != nil || !strings.Contains(out.String(), "| `DATABASE_URL` or `DATABASE_URL_FILE` |") {
		t.Errorf("%v:\n%s", err, &out)
	}
}
