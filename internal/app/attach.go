package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"guichet.dev/guichet/internal/config"
)

// addresses are where guichet dev runs its parts, written down for the other commands while it runs. The file holds the
// database's password, so only its owner may read it.
type addresses struct {
	Database  string `json:"database_url"`
	Temporal  string `json:"temporal_address"`
	Simulator string `json:"simulator_url"`
	KeyFile   string `json:"encryption_key_file"`
}

func addressFile(cfg config.Config) string { return filepath.Join(cfg.DataDir, "dev.json") }

// Attach completes the configuration of a command with the parts of a running guichet dev, unless the environment names a
// database.
func Attach(cfg config.Config) (config.Config, error) {
	if cfg.DatabaseURL != "" {
		return cfg, nil
	}
	text, err := os.ReadFile(addressFile(cfg))
	if errors.Is(err, fs.ErrNotExist) {
		return cfg, nil
	}
	var at addresses
	if err == nil {
		err = json.Unmarshal(text, &at)
	}
	if err != nil {
		return cfg, fmt.Errorf("find guichet dev: %w", err)
	}
	cfg.DatabaseURL, cfg.Demo = at.Database, true
	fill(&cfg.TemporalAddress, at.Temporal)
	fill(&cfg.SimulatorURL, at.Simulator)
	if cfg.EncryptionKey == "" {
		fill(&cfg.KeyFile, at.KeyFile)
	}
	return cfg, nil
}

func fill(to *string, value string) {
	if *to == "" {
		*to = value
	}
}

// announce writes the addresses down and returns what takes them away again.
func announce(cfg config.Config) (withdraw func() error, err error) {
	text, err := json.Marshal(addresses{
		Database: cfg.DatabaseURL, Temporal: cfg.TemporalAddress, Simulator: cfg.SimulatorURL, KeyFile: cfg.KeyFile,
	})
	if err != nil {
		return nil, err
	}
	path := addressFile(cfg)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("write down the addresses: %w", err)
	}
	return func() error { return os.Remove(path) }, nil
}
