package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"guichet.dev/guichet/internal/config"
	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/keyring"
	"guichet.dev/guichet/migrations"
	"guichet.dev/guichet/simulator"
	"guichet.dev/guichet/team"
	"guichet.dev/guichet/workflows"
)

// Dev runs everything on this machine until the context ends: PostgreSQL and Temporal as far as the configuration names no
// others, the simulator, and the product with demo data. It writes one line to out when it can be used. All data stay in
// the data folder.
func Dev(ctx context.Context, cfg config.Config, out io.Writer, logger *slog.Logger) (err error) {
	d := &development{cfg: cfg, logger: logger}
	defer func() { err = errors.Join(err, d.stop()) }()
	for _, start := range []func(context.Context) error{d.prepare, d.startPostgres, d.startTemporal, d.startSimulator, d.migrate} {
		if err := start(ctx); err != nil {
			return err
		}
	}
	withdraw, err := announce(d.cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, withdraw()) }()
	a, err := New(ctx, d.cfg, All, logger)
	if err != nil {
		return err
	}
	ready := func(ctx context.Context) error {
		if err := a.demo(ctx, d.simulator.URL()); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "guichet ready: http://%s\n", a.Address())
		return err
	}
	return a.Run(ctx, stage{"children", d.watch}, stage{"demo data", ready})
}

// demoSender is who mails come from in a demo.
const demoSender = "Guichet <guichet@example.com>"

// development is what runs beside the product.
type development struct {
	cfg       config.Config
	logger    *slog.Logger
	postgres  *devstack.Postgres
	temporal  *devstack.Temporal
	simulator *simulator.Server
	simulated chan error // its end
	endSim    context.CancelFunc
}

// prepare makes the data folder with the keys.
func (d *development) prepare(context.Context) error {
	d.cfg.Demo = true
	d.cfg.Listen = local(d.cfg.Port)
	if err := os.MkdirAll(d.cfg.DataDir, 0o755); err != nil {
		return fmt.Errorf("GUICHET_DATA_DIR: %w", err)
	}
	if d.cfg.EncryptionKey == "" && d.cfg.KeyFile == "" {
		d.cfg.KeyFile = d.cfg.DefaultKeyFile()
		if err := keyring.EnsureFile(d.cfg.KeyFile); err != nil {
			return err
		}
	}
	if d.cfg.BootstrapToken != "" {
		return nil
	}
	path := filepath.Join(d.cfg.DataDir, "admin.token")
	token, err := ensureToken(path)
	if err != nil {
		return fmt.Errorf("admin token: %w", err)
	}
	d.cfg.BootstrapToken = token
	d.logger.Info("the admin's API token is kept in a file", "file", path)
	return nil
}

// ensureToken reads the token from the file, or makes one, readable by its owner only.
func ensureToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if token := strings.TrimSpace(string(text)); err == nil && token != "" {
		return token, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	token := team.TokenPrefix + rand.Text() + rand.Text()
	return token, os.WriteFile(path, []byte(token+"\n"), 0o600)
}

func (d *development) startPostgres(ctx context.Context) (err error) {
	if d.cfg.DatabaseURL != "" {
		return nil
	}
	d.postgres, err = devstack.StartPostgres(ctx, devstack.PostgresConfig{
		DataDir: filepath.Join(d.cfg.DataDir, "postgres"), Port: d.cfg.PostgresPort, Logger: d.logger,
	})
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	d.cfg.DatabaseURL = d.postgres.URL("guichet")
	return nil
}

func (d *development) startTemporal(ctx context.Context) (err error) {
	if d.cfg.TemporalAddress != "" {
		return nil
	}
	attributes := map[string]string{}
	for _, name := range workflows.SearchAttributes() {
		attributes[name] = "Keyword"
	}
	d.temporal, err = devstack.StartTemporal(ctx, devstack.TemporalConfig{
		DataFile: filepath.Join(d.cfg.DataDir, "temporal.db"), Port: d.cfg.TemporalPort, UIPort: d.cfg.TemporalUIPort,
		SearchAttributes: attributes, Namespace: d.cfg.Namespace, Logger: d.logger,
	})
	if err != nil {
		return fmt.Errorf("start Temporal: %w", err)
	}
	d.cfg.TemporalAddress = d.temporal.Address()
	return nil
}

func (d *development) startSimulator(ctx context.Context) (err error) {
	d.simulator, err = simulator.New(simulator.Config{
		Addr: local(d.cfg.SimulatorPort), MailAddr: local(d.cfg.SimulatorSMTPPort),
		DataFile: filepath.Join(d.cfg.DataDir, "simulator.json"), Logger: d.logger,
	})
	if err != nil {
		return fmt.Errorf("start the simulator: %w", err)
	}
	if err := d.simulator.Listen(); err != nil {
		return fmt.Errorf("start the simulator: %w", errors.Join(err, d.simulator.Close()))
	}
	// It ends after the product, which may still be sending.
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.simulated, d.endSim = make(chan error, 1), cancel
	go func() { d.simulated <- d.simulator.Run(own) }()
	d.cfg.SimulatorURL = d.simulator.URL()
	if d.cfg.SMTPURL == "" {
		d.cfg.SMTPURL = d.simulator.MailURL()
		d.cfg.MailFrom = cmp.Or(d.cfg.MailFrom, demoSender)
	}
	return nil
}

func (d *development) migrate(ctx context.Context) error {
	db, err := OpenDatabase(ctx, d.cfg)
	if err != nil {
		return err
	}
	return errors.Join(migrations.Apply(ctx, db), db.Close())
}

// watch ends with an error when a child does: the product would be of little use without it.
func (d *development) watch(ctx context.Context) error {
	var postgres, temporal <-chan struct{} // nil never delivers
	if d.postgres != nil {
		postgres = d.postgres.Done()
	}
	if d.temporal != nil {
		temporal = d.temporal.Done()
	}
	select {
	case <-ctx.Done():
		return nil
	case <-postgres:
		return errors.New("PostgreSQL ended")
	case <-temporal:
		return errors.New("Temporal ended")
	case err := <-d.simulated:
		d.simulated <- err
		return fmt.Errorf("the simulator ended: %w", err)
	}
}

// stop ends what was started, the last first.
func (d *development) stop() error {
	var errs []error
	if d.endSim != nil {
		d.endSim()
		errs = append(errs, <-d.simulated)
	}
	if d.temporal != nil {
		errs = append(errs, d.temporal.Stop())
	}
	if d.postgres != nil {
		errs = append(errs, d.postgres.Stop())
	}
	return errors.Join(errs...)
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
