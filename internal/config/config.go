// Package config reads the settings of a process from its environment. Everything that can be set is a field of Config,
// whose tags are its documentation: Table prints them.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"
)

// Config is everything that can be set.
type Config struct {
	Listen          string        `env:"GUICHET_LISTEN" default:"127.0.0.1:8080" kind:"address" doc:"Where HTTP is served: webhooks, API, health and metrics. guichet dev takes GUICHET_PORT instead"`
	DatabaseURL     string        `env:"DATABASE_URL" kind:"secret" doc:"PostgreSQL 15 or newer, as postgres://user:password@host:port/database. guichet dev starts one of its own without it"`
	DatabaseConns   int           `env:"GUICHET_DATABASE_CONNECTIONS" default:"20" min:"4" max:"500" doc:"Most connections that one process opens; a serving process has two more for webhooks"`
	TemporalAddress string        `env:"TEMPORAL_ADDRESS" kind:"address" doc:"Temporal's frontend as host:port. Its other variables (TEMPORAL_API_KEY, TEMPORAL_TLS_…, TEMPORAL_PROFILE) count too"`
	Namespace       string        `env:"TEMPORAL_NAMESPACE" default:"default" doc:"The Temporal namespace"`
	DataDir         string        `env:"GUICHET_DATA_DIR" default:"data" doc:"The folder for what guichet dev keeps: databases, logs, the encryption key"`
	EncryptionKey   string        `env:"GUICHET_ENCRYPTION_KEY" kind:"secret" file:"own" doc:"The keyset with which secrets are encrypted in the database: a Tink AEAD keyset in base64, made by guichet key"`
	KeyFile         string        `env:"GUICHET_ENCRYPTION_KEY_FILE" doc:"A file with that keyset, if it is not in the environment. guichet dev makes one in the data folder"`
	BootstrapToken  string        `env:"GUICHET_BOOTSTRAP_TOKEN" kind:"secret" doc:"An API token with all permissions that is made at the start. It opens everything: choose 20 characters or more"`
	Demo            bool          `env:"GUICHET_DEMO" default:"false" doc:"The clock follows the simulator's, and providers may have private addresses"`
	SimulatorURL    string        `env:"GUICHET_SIMULATOR_URL" kind:"url" doc:"The simulator whose clock is followed in a demo. guichet dev knows its own"`
	AllowPrivate    string        `env:"GUICHET_ALLOW_PRIVATE_PROVIDERS" default:"auto" oneof:"auto,true,false" doc:"Whether the API address of an account may lie in a private network or be without TLS. auto: in a demo only"`
	PublicURL       string        `env:"GUICHET_PUBLIC_URL" kind:"url" doc:"Where browsers reach Guichet, such as https://inbox.example.com: for the links in mails (needed with GUICHET_SMTP_URL), and for cookies, which are for TLS only if it begins with https. In a demo it is where HTTP is served"`
	TrustedProxies  string        `env:"GUICHET_TRUSTED_PROXIES" doc:"Networks of the proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8, with commas between them"`
	SessionIdle     time.Duration `env:"GUICHET_SESSION_IDLE" default:"12h" min:"5m" max:"720h" doc:"After how long without a request a session ends. It lasts 30 days at most"`
	APIRate         int           `env:"GUICHET_API_RATE" default:"50" min:"0" max:"100000" doc:"Requests that one caller of the API may make in a second, ten times as many at once, in each process. 0 sets no limit"`
	SMTPURL         string        `env:"GUICHET_SMTP_URL" kind:"secret" doc:"The server that takes Guichet's own mails (invitations, passwords, digests): smtp://user:password@host:port with STARTTLS, or smtps:// with TLS from the start. Without it none are sent; guichet dev takes the simulator's mailbox"`
	MailFrom        string        `env:"GUICHET_MAIL_FROM" doc:"Who those mails come from, such as Guichet <guichet@example.com>; needed with GUICHET_SMTP_URL"`
	LogLevel        string        `env:"GUICHET_LOG_LEVEL" default:"info" oneof:"debug,info,warn,error" doc:"The least important lines that are logged"`
	LogFormat       string        `env:"GUICHET_LOG_FORMAT" default:"json" oneof:"json,text" doc:"The form of log lines"`
	StopTimeout     time.Duration `env:"GUICHET_STOP_TIMEOUT" default:"25s" min:"1s" max:"10m" doc:"How long a stop may take before it is forced"`

	RetainWebhooks      Age `env:"GUICHET_RETAIN_WEBHOOKS" default:"90d" doc:"How long the raw bodies of webhooks are kept"`
	RetainEvents        Age `env:"GUICHET_RETAIN_EVENTS" default:"forever" doc:"How long events are kept: what happened in a conversation, apart from its messages"`
	RetainChanges       Age `env:"GUICHET_RETAIN_CHANGES" default:"30d" doc:"For how long a client that was away may go on where it was in the event stream; afterwards it loads everything anew"`
	RetainConversations Age `env:"GUICHET_RETAIN_CONVERSATIONS" default:"forever" doc:"How long a conversation is kept after it was closed, with its messages and all that belongs to it"`

	Port              int `env:"GUICHET_PORT" default:"8080" min:"0" max:"65535" doc:"guichet dev: HTTP. 0 takes a free port, here and below"`
	TemporalPort      int `env:"GUICHET_TEMPORAL_PORT" default:"7233" min:"0" max:"65535" doc:"guichet dev: Temporal"`
	TemporalUIPort    int `env:"GUICHET_TEMPORAL_UI_PORT" default:"8233" min:"0" max:"65535" doc:"guichet dev: Temporal's Web UI; 0 runs without"`
	SimulatorPort     int `env:"GUICHET_SIMULATOR_PORT" default:"8090" min:"0" max:"65535" doc:"guichet dev and simulate: the simulator"`
	SimulatorSMTPPort int `env:"GUICHET_SIMULATOR_SMTP_PORT" default:"8025" min:"0" max:"65535" doc:"guichet dev and simulate: the simulator's mailbox, which takes every mail by SMTP"`
	PostgresPort      int `env:"GUICHET_POSTGRES_PORT" default:"0" min:"0" max:"65535" doc:"guichet dev: PostgreSQL"`
}

// FromEnvironment reads the process's environment.
func FromEnvironment() (Config, error) { return Read(os.LookupEnv) }

// Read reads the settings. A secret may also stand in a file, which the variable with _FILE behind its name names. The
// error names every variable with a wrong value, the value unless it is secret, and what is allowed.
func Read(lookup func(string) (string, bool)) (Config, error) {
	var c Config
	var wrong []error
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		f := fieldOf(v.Type().Field(i))
		text, err := f.read(lookup)
		if err == nil {
			err = f.put(v.Field(i), text)
		}
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	return c, errors.Join(wrong...)
}

// AllowsPrivate reports whether accounts may have API addresses in private networks.
func (c Config) AllowsPrivate() bool {
	return c.AllowPrivate == "true" || c.AllowPrivate == "auto" && c.Demo
}

// Proxies returns the networks of TrustedProxies.
func (c Config) Proxies() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for text := range strings.SplitSeq(c.TrustedProxies, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("GUICHET_TRUSTED_PROXIES: %q is not a network such as 10.0.0.0/8", text)
		}
		list = append(list, p)
	}
	return list, nil
}

// DefaultKeyFile is where guichet dev keeps the encryption key.
func (c Config) DefaultKeyFile() string { return filepath.Join(c.DataDir, "encryption.key") }

// Logger returns the logger that the settings ask for.
func (c Config) Logger(to io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // Read allows only what slog knows; the zero Config logs from info on
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(to, options))
	}
	return slog.New(slog.NewJSONHandler(to, options))
}

// LogValue implements slog.LogValuer without secrets.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("listen", c.Listen), slog.String("temporal", c.TemporalAddress), slog.String("namespace", c.Namespace),
		slog.Bool("demo", c.Demo), slog.Bool("private_providers", c.AllowsPrivate()),
	)
}

// Table writes the documentation of all settings as a Markdown table.
func Table(to io.Writer) error {
	if _, err := fmt.Fprintln(to, "| variable | default | allowed | what |\n|---|---|---|---|"); err != nil {
		return err
	}
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		f := fieldOf(t.Field(i))
		name := code(f.name)
		if f.fileName() != "" {
			name += " or " + code(f.fileName())
		}
		if _, err := fmt.Fprintf(to, "| %s | %s | %s | %s |\n", name, code(f.byDefault), f.allowed(), f.doc); err != nil {
			return err
		}
	}
	return nil
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
