// Command compose checks docker-compose.yml as `docker compose config` does, without Docker, and that it fits the product:
// every variable exists, every image is pinned, secrets come from files, no service depends on one that is not there, and
// those that are scaled can be. It reads the product's table of settings (guichet config) from its standard input.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: guichet config | compose docker-compose.yml")
		os.Exit(2)
	}
	known, err := settings(os.Stdin)
	if err == nil {
		err = check(os.Args[1], known)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("docker-compose.yml is well")
}

var variable = regexp.MustCompile("`([A-Z][A-Z_]+)`")

// settings reads the names of all variables from the table of settings.
func settings(table io.Reader) (map[string]bool, error) {
	// The worker reads these itself, as Temporal's own tools do.
	known := map[string]bool{"TEMPORAL_DEPLOYMENT_NAME": true, "TEMPORAL_WORKER_BUILD_ID": true}
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		first, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "|"), "|")
		for _, found := range variable.FindAllStringSubmatch(first, -1) {
			known[found[1]] = true
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if !known["DATABASE_URL_FILE"] {
		return nil, errors.New("no table of settings on the standard input")
	}
	return known, nil
}

// check loads the file and returns everything that is wrong with it.
func check(path string, known map[string]bool) error {
	ctx := context.Background()
	options, err := cli.NewProjectOptions([]string{path}, cli.WithName("guichet"), cli.WithWorkingDirectory(filepath.Dir(path)), cli.WithProfiles([]string{"*"}))
	if err != nil {
		return err
	}
	// Without an environment, as a new operator has it. Consistency is checked: names that are referred to must exist.
	project, err := options.LoadProject(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	c := checker{project: project, known: known, stop: 25 * time.Second}
	for _, name := range slices.Sorted(slices.Values(project.ServiceNames())) {
		c.service(project.Services[name])
	}
	for _, name := range []string{"postgres", "temporal", "temporal-ui", "migrate", "server", "worker"} {
		if _, there := project.Services[name]; !there {
			c.wrong("there is no service %s", name)
		}
	}
	for name, secret := range project.Secrets {
		if secret.File == "" {
			c.wrong("secret %s comes from no file", name)
		}
	}
	return errors.Join(c.all...)
}

type checker struct {
	project *types.Project
	known   map[string]bool
	stop    time.Duration // of the product: GUICHET_STOP_TIMEOUT
	all     []error
}

func (c *checker) wrong(format string, args ...any) {
	c.all = append(c.all, fmt.Errorf(format, args...))
}

var pinned = regexp.MustCompile(`:v?[0-9]+\.[0-9]+[^:]*$|@sha256:[0-9a-f]{64}$`)

func (c *checker) service(s types.ServiceConfig) {
	if s.Build == nil && !pinned.MatchString(s.Image) {
		c.wrong("%s: the image %s is not pinned to a version", s.Name, s.Image)
	}
	if s.Restart == "" {
		c.wrong("%s: no restart policy", s.Name)
	}
	if s.ContainerName != "" {
		c.wrong("%s: a container name keeps it from being scaled", s.Name)
	}
	c.dependencies(s)
	c.mounts(s)
	for name, value := range s.Environment {
		if secret := value != nil && *value != "" && strings.Contains(name, "PASSWORD") && !strings.HasSuffix(name, "_FILE"); secret {
			c.wrong("%s: %s holds a secret", s.Name, name)
		}
	}
	if s.Build != nil {
		c.product(s)
	}
}

// dependencies wants a service that others wait for to say when it is there.
func (c *checker) dependencies(s types.ServiceConfig) {
	for name, on := range s.DependsOn {
		other, there := c.project.Services[name]
		switch {
		case !there:
			c.wrong("%s depends on %s, which does not exist", s.Name, name)
		case on.Condition == types.ServiceConditionHealthy && (other.HealthCheck == nil || other.HealthCheck.Disable):
			c.wrong("%s waits for the health of %s, which has no check", s.Name, name)
		case on.Condition == types.ServiceConditionCompletedSuccessfully && !strings.HasPrefix(other.Restart, "on-failure"):
			c.wrong("%s waits for the end of %s, which is started again", s.Name, name)
		}
	}
}

// mounts wants files of this repository that are mounted to exist, and secrets that are used to be mounted.
func (c *checker) mounts(s types.ServiceConfig) {
	for _, v := range s.Volumes {
		if v.Type != types.VolumeTypeBind {
			continue
		}
		if _, err := os.Stat(v.Source); err != nil {
			c.wrong("%s: %v", s.Name, err)
		}
	}
	mounted := map[string]bool{}
	for _, secret := range s.Secrets {
		mounted["/run/secrets/"+secret.Source] = true
	}
	used := regexp.MustCompile(`/run/secrets/[a-z_]+`)
	texts := append([]string{}, s.Command...)
	for _, value := range s.Environment {
		if value != nil {
			texts = append(texts, *value)
		}
	}
	for _, path := range used.FindAllString(strings.Join(texts, "\n"), -1) {
		if !mounted[path] {
			c.wrong("%s uses %s, which is not mounted", s.Name, path)
		}
	}
}

// product looks at the services that run the product.
func (c *checker) product(s types.ServiceConfig) {
	for name := range s.Environment {
		if !c.known[name] {
			c.wrong("%s: Guichet has no setting %s", s.Name, name)
		}
	}
	for _, name := range []string{"DATABASE_URL_FILE", "GUICHET_ENCRYPTION_KEY_FILE", "GUICHET_BOOTSTRAP_TOKEN_FILE", "GUICHET_LISTEN", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"} {
		if value := s.Environment[name]; value == nil || *value == "" {
			c.wrong("%s: %s is not set", s.Name, name)
		}
	}
	if text := s.Environment["GUICHET_STOP_TIMEOUT"]; text != nil {
		d, err := time.ParseDuration(*text)
		if err != nil {
			c.wrong("%s: GUICHET_STOP_TIMEOUT: %w", s.Name, err)
		}
		c.stop = d
	}
	if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) <= c.stop {
		c.wrong("%s: the grace period is not longer than GUICHET_STOP_TIMEOUT", s.Name)
	}
	for _, port := range s.Ports {
		if port.Published != "" {
			c.wrong("%s: the fixed port %s keeps it from being scaled", s.Name, port.Published)
		}
	}
}
