package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"guichet.dev/guichet/internal/app"
	"guichet.dev/guichet/internal/config"
	"guichet.dev/guichet/team"
)

type agentCommand struct {
	Create   agentCreate   `cmd:"" help:"Make an agent, such as the first admin. The password is read from standard input."`
	Password agentPassword `cmd:"" help:"Give an agent another password, read from standard input; all their sessions end."`
}

type agentCreate struct {
	Name  string `required:"" help:"How colleagues see them."`
	Email string `required:"" help:"With which they log in."`
	Role  string `default:"admin" help:"What they may do: admin, supervisor, agent, or the key of a role of your own."`
}

// Run makes an agent.
func (c agentCreate) Run(ctx context.Context, cfg config.Config) error {
	cfg, err := app.Attach(cfg)
	if err != nil {
		return err
	}
	password, err := readPassword()
	if err != nil {
		return err
	}
	id, err := app.CreateAgent(ctx, cfg, app.NewPerson{Name: c.Name, Email: c.Email, Role: team.Role(c.Role), Password: password})
	if err == nil {
		fmt.Println(id)
	}
	return err
}

type agentPassword struct {
	Email string `required:"" help:"Of the agent."`
}

// Run gives an agent another password.
func (c agentPassword) Run(ctx context.Context, cfg config.Config) error {
	cfg, err := app.Attach(cfg)
	if err != nil {
		return err
	}
	password, err := readPassword()
	if err != nil {
		return err
	}
	return app.SetPassword(ctx, cfg, c.Email, password)
}

// maxInput is the longest standard input that is read for a password, in bytes.
const maxInput = 4096

// readPassword reads standard input without the line's end: arguments can be seen by every user of the machine.
func readPassword() (string, error) {
	text, err := io.ReadAll(io.LimitReader(os.Stdin, maxInput))
	if err != nil {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
