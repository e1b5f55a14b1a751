// Command guichet is the whole product: it serves, works, migrates, and runs everything on one machine for development.
// Settings come from the environment (guichet config lists them); the flags say what to do once.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"guichet.dev/guichet/internal/app"
	"guichet.dev/guichet/internal/config"
	"guichet.dev/guichet/keyring"
	"guichet.dev/guichet/search"
	"guichet.dev/guichet/simulator"
	"guichet.dev/guichet/team"
)

// commands are what can be asked for.
type commands struct {
	Serve      serveCommand      `cmd:"" help:"Serve webhooks and the API."`
	Work       workCommand       `cmd:"" help:"Run the conversations' workflows and send."`
	All        allCommand        `cmd:"" help:"Serve and work in one process."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the database to the newest schema."`
	Dev        devCommand        `cmd:"" help:"Run everything on this machine: PostgreSQL, Temporal, the simulator, and Guichet with demo data."`
	Simulate   simulateCommand   `cmd:"" help:"Run the simulator of the WhatsApp Cloud API, or act as a customer in it."`
	Agent      agentCommand      `cmd:"" help:"Make agents who can log in, and give them passwords."`
	Token      tokenCommand      `cmd:"" help:"Make API tokens."`
	Automation automationCommand `cmd:"" help:"Check, export and apply the whole automation as one file."`
	Health     healthCommand     `cmd:"" help:"Ask the process that listens on GUICHET_LISTEN whether it lives; exit code 1 if not."`
	Doctor     doctorCommand     `cmd:"" help:"Look at everything that Guichet depends on; exit code 1 if something is wrong."`
	Repair     repairCommand     `cmd:"" help:"Wake conversations that wait for something which nobody is working on."`
	Reindex    reindexCommand    `cmd:"" help:"Make anew what people and messages are found by, while the system is in use."`
	Retain     retainCommand     `cmd:"" name:"retention" help:"Delete what is older than the settings GUICHET_RETAIN_… allow."`
	Key        keyCommand        `cmd:"" help:"Print a new encryption key for GUICHET_ENCRYPTION_KEY."`
	Config     configCommand     `cmd:"" help:"Print all settings as a Markdown table."`
	OpenAPI    openAPICommand    `cmd:"" name:"openapi" help:"Print the OpenAPI document of the API."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	parsed := kong.Parse(&commands{}, kong.Name("guichet"), kong.Description("A shared inbox in which every conversation is a durable workflow."),
		kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)), kong.BindToProvider(config.FromEnvironment))
	parsed.FatalIfErrorf(parsed.Run())
}

type serveCommand struct{}

// Run serves until a signal.
func (serveCommand) Run(ctx context.Context, cfg config.Config) error {
	return run(ctx, cfg, app.Serve)
}

type workCommand struct{}

// Run works until a signal.
func (workCommand) Run(ctx context.Context, cfg config.Config) error { return run(ctx, cfg, app.Work) }

type allCommand struct{}

// Run serves and works until a signal.
func (allCommand) Run(ctx context.Context, cfg config.Config) error { return run(ctx, cfg, app.All) }

func run(ctx context.Context, cfg config.Config, mode app.Mode) error {
	a, err := app.New(ctx, cfg, mode, cfg.Logger(os.Stderr))
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

type migrateCommand struct{}

// Run migrates.
func (migrateCommand) Run(ctx context.Context, cfg config.Config) error { return app.Migrate(ctx, cfg) }

type devCommand struct{}

// Run runs everything until a signal.
func (devCommand) Run(ctx context.Context, cfg config.Config) error {
	return app.Dev(ctx, cfg, os.Stdout, cfg.Logger(os.Stderr))
}

type simulateCommand struct {
	Run simulateRun `cmd:"" default:"1" help:"Run the simulator until a signal."`
	Say simulateSay `cmd:"" help:"Send a text from a customer's phone in a running simulator."`
}

type simulateRun struct {
	Callback string `help:"Where to post webhooks." placeholder:"URL"`
	DataFile string `help:"Keep the state in this file." placeholder:"FILE" type:"path"`
}

// Run runs the simulator.
func (c simulateRun) Run(ctx context.Context, cfg config.Config) error {
	s, err := simulator.New(simulator.Config{
		Addr: fmt.Sprintf("127.0.0.1:%d", cfg.SimulatorPort), MailAddr: fmt.Sprintf("127.0.0.1:%d", cfg.SimulatorSMTPPort), CallbackURL: c.Callback, DataFile: c.DataFile, Logger: cfg.Logger(os.Stderr),
	})
	if err != nil {
		return err
	}
	if err := s.Listen(); err != nil {
		return errors.Join(err, s.Close())
	}
	fmt.Printf("simulator ready: %s\n", s.URL())
	return s.Run(ctx)
}

type simulateSay struct {
	From string `required:"" help:"The customer's phone." placeholder:"+33612345678"`
	Text string `arg:"" help:"What the customer writes."`
}

// Run sends one text.
func (c simulateSay) Run(ctx context.Context, cfg config.Config) error {
	cfg, err := app.Attach(cfg)
	if err != nil {
		return err
	}
	at := cfg.SimulatorURL
	if at == "" {
		at = fmt.Sprintf("http://127.0.0.1:%d", cfg.SimulatorPort)
	}
	m, err := simulator.NewClient(at).Say(ctx, c.From, c.Text)
	if err != nil {
		return err
	}
	fmt.Println(m.ID)
	return nil
}

type tokenCommand struct {
	Create tokenCreate `cmd:"" help:"Make a token for a program and print it; it cannot be shown again."`
}

type tokenCreate struct {
	Name    string        `required:"" help:"What the token is for."`
	Role    string        `required:"" help:"What it may do: admin, supervisor, agent, or the key of a role that was made."`
	Expires time.Duration `help:"How long it is good for, such as 720h; without end if left out."`
}

// Run makes a token.
func (c tokenCreate) Run(ctx context.Context, cfg config.Config) error {
	cfg, err := app.Attach(cfg)
	if err != nil {
		return err
	}
	value, err := app.CreateToken(ctx, cfg, c.Name, team.Role(c.Role), c.Expires)
	if err != nil {
		return err
	}
	fmt.Println(value)
	return nil
}

type healthCommand struct {
	Ready bool `help:"Ask whether it can do its work, which needs the database."`
}

// Run asks for health.
func (c healthCommand) Run(ctx context.Context, cfg config.Config) error {
	return app.Health(ctx, cfg, c.Ready)
}

type doctorCommand struct{}

// Run looks at everything.
func (doctorCommand) Run(ctx context.Context, cfg config.Config) error {
	cfg, err := app.Attach(cfg)
	if err != nil {
		return err
	}
	wrong, err := app.Doctor(ctx, cfg, os.Stdout)
	if err == nil && wrong > 0 {
		err = fmt.Errorf("%d things are wrong", wrong)
	}
	return err
}

type repairCommand struct {
	All      bool `help:"Wake everything that has a deadline or an unsettled message: after a Temporal namespace was lost."`
	NewEpoch bool `help:"After the database was restored from a backup: leave the old workflows behind and start new ones."`
}

// Run repairs.
func (c repairCommand) Run(ctx context.Context, cfg config.Config) error {
	cfg, err := app.Attach(cfg)
	if err != nil {
		return err
	}
	r, err := app.Repair(ctx, cfg, app.RepairOptions{All: c.All, NewEpoch: c.NewEpoch})
	if err != nil {
		return err
	}
	fmt.Printf("behind %d, deadlines %d, messages %d: %d conversations will be woken\n", r.Behind, r.Deadlines, r.Messages, r.Dispatched)
	return nil
}

type reindexCommand struct{}

// Run makes the search's tables anew.
func (reindexCommand) Run(ctx context.Context, cfg config.Config) error {
	cfg, err := app.Attach(cfg)
	if err != nil {
		return err
	}
	told := time.Now()
	done, err := app.Reindex(ctx, cfg, func(r search.Rebuilt) {
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			fmt.Fprintf(os.Stderr, "messages %d, notes %d, people %d so far\n", r.Messages, r.Notes, r.People)
		}
	})
	if err != nil {
		return err
	}
	fmt.Printf("messages %d, notes %d, people %d\n", done.Messages, done.Notes, done.People)
	return nil
}

type retainCommand struct {
	DryRun bool `help:"Only say what would be deleted."`
}

// Run deletes what is too old.
func (c retainCommand) Run(ctx context.Context, cfg config.Config) error {
	cfg, err := app.Attach(cfg)
	if err != nil {
		return err
	}
	return app.Retain(ctx, cfg, c.DryRun, os.Stdout)
}

type keyCommand struct{}

// Run prints a new key.
func (keyCommand) Run() error {
	key, err := keyring.NewKey()
	if err == nil {
		fmt.Println(key)
	}
	return err
}

type configCommand struct{}

// Run prints the table of settings.
func (configCommand) Run() error { return config.Table(os.Stdout) }

type openAPICommand struct{}

// Run prints the document.
func (openAPICommand) Run() error { return app.OpenAPI(os.Stdout) }

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run() error {
	fmt.Println(app.Version)
	return nil
}
