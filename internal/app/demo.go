package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/simulator"
	"guichet.dev/guichet/team"
)

// What the simulator has unless it is told otherwise, see simulator.Config.
const (
	simulatorNumber   = "106540352242922"
	simulatorBusiness = "102290129340398"
	simulatorAddress  = "+15550783881"
	simulatorToken    = "simulator-token"
	simulatorSecret   = "simulator-secret"
	simulatorVerify   = "simulator-verify"
	simulatorVersion  = "v26.0"
)

// demoPassword is that of every demo agent, such as ana@example.com.
const demoPassword = "guichet-demo-password"

// demoWait is how long the demo's conversations may take to appear.
const demoWait = 30 * time.Second

// bySystem is who makes the demo data.
var bySystem = conversation.Actor{Kind: conversation.ActorSystem}

// demo fills an empty installation, and tells the simulator where to post, which may have changed since the last start.
func (a *App) demo(ctx context.Context, simulatorURL string) error {
	sim := simulator.NewClient(simulatorURL)
	account, err := a.Accounts.ByProviderID(ctx, conversation.WhatsApp, simulatorNumber)
	known := err == nil
	if !known {
		if conversation.CodeOf(err) != conversation.CodeNotFound {
			return fmt.Errorf("demo data: %w", err)
		}
		if account, err = a.demoAccount(ctx, simulatorURL); err != nil {
			return fmt.Errorf("demo data: %w", err)
		}
	}
	if account.APIBaseURL != simulatorURL {
		if _, err := a.Accounts.Update(ctx, bySystem, account.ID, accounts.Change{APIBaseURL: &simulatorURL}); err != nil {
			return fmt.Errorf("demo data: %w", err)
		}
	}
	callback := "http://" + a.Address() + "/webhooks/" + string(account.Channel) + "/" + account.ID
	if err := sim.SetCallback(ctx, callback, true); err != nil {
		return fmt.Errorf("tell the simulator where to post: %w", err)
	}
	agents, err := a.Team.Agents(ctx)
	if err != nil || known || len(agents) > 0 {
		return err
	}
	if err := a.demoTeam(ctx); err != nil {
		return fmt.Errorf("demo team: %w", err)
	}
	if err := a.demoAutomation(ctx); err != nil {
		return fmt.Errorf("demo automation: %w", err)
	}
	a.Logger.Info("demo agents can log in", "email", "ana@example.com", "password", demoPassword)
	if err := a.demoConversations(ctx, sim); err != nil {
		return fmt.Errorf("demo conversations: %w", err)
	}
	return nil
}

func (a *App) demoAccount(ctx context.Context, simulatorURL string) (accounts.Account, error) {
	return a.Accounts.Create(ctx, bySystem, accounts.New{
		Channel: conversation.WhatsApp, Name: "WhatsApp (simulator)", ProviderID: simulatorNumber, BusinessID: simulatorBusiness,
		DisplayAddress: simulatorAddress, APIBaseURL: simulatorURL, APIVersion: simulatorVersion,
		Secrets: channel.Secrets{AccessToken: simulatorToken, AppSecret: simulatorSecret, VerifyToken: simulatorVerify},
	})
}

func (a *App) demoTeam(ctx context.Context) error {
	teams := map[string]team.Team{}
	for _, name := range []string{"Sales", "Support"} {
		t, err := a.Team.CreateTeam(ctx, bySystem, name)
		if err != nil {
			return err
		}
		teams[name] = t
	}
	for _, one := range []struct {
		name string
		role team.Role
		in   []string
	}{
		{"Ana Moreau", team.RoleAdmin, []string{"Sales", "Support"}},
		{"Bruno Keller", team.RoleSupervisor, []string{"Support"}},
		{"Chloé Petit", team.RoleAgent, []string{"Support"}},
		{"Dan Ionescu", team.RoleAgent, []string{"Sales"}},
	} {
		first, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(one.name, "é", "e")), " ")
		agent, err := a.Team.CreateAgent(ctx, team.System(), team.NewAgent{Name: one.name, Email: first + "@example.com", Role: one.role})
		if err != nil {
			return err
		}
		if err := offline(a.DB, a.Config).SetPassword(ctx, bySystem, agent.ID, demoPassword, ""); err != nil {
			return err
		}
		for _, name := range one.in {
			if _, err := a.Team.AddMember(ctx, team.System(), teams[name].ID, agent.ID); err != nil {
				return err
			}
		}
	}
	if a.Config.BootstrapToken == "" {
		return nil
	}
	return a.Team.EnsureBootstrapToken(ctx, a.Config.BootstrapToken)
}

// demoCustomer is somebody who writes, and what we do then.
type demoCustomer struct {
	phone, name, says string
	then              func(ctx context.Context, by conversation.Caller, id string) error
}

func (a *App) demoCustomers() []demoCustomer {
	reply := func(text string) func(context.Context, conversation.Caller, string) error {
		return func(ctx context.Context, by conversation.Caller, id string) error {
			if _, err := a.Inbox.Attend(ctx, by, id); err != nil {
				return err
			}
			content := conversation.Content{Kind: conversation.KindText, Text: text}
			_, err := a.Inbox.Send(ctx, by, id, inbox.NewMessage{ClientID: "demo", Content: content})
			return err
		}
	}
	return []demoCustomer{
		{"33612345678", "Élise Laurent", "Bonjour, ma commande 4711 n'est pas encore arrivée. Pouvez-vous regarder ?", nil},
		{"40721234567", "Andrei Popescu", "Bună ziua! Aveți bicicleta verde pe stoc?", nil},
		{"447700900123", "Grace Okafor", "Hi, can I change the delivery address?", reply("Of course. What is the new address?")},
		{"4915123456789", "Jonas Weber", "Danke, alles angekommen!", func(ctx context.Context, by conversation.Caller, id string) error {
			_, err := a.Inbox.Done(ctx, by, id)
			return err
		}},
		{"34600123456", "Lucía Navarro", "¿Abren el sábado?", func(ctx context.Context, by conversation.Caller, id string) error {
			_, err := a.Inbox.Snooze(ctx, by, id, a.Clock.Now().Add(18*time.Hour))
			return err
		}},
		{"393331234567", "Marco Rossi", "STOP", nil},
	}
}

func (a *App) demoConversations(ctx context.Context, sim *simulator.Client) error {
	agents, err := a.Team.Agents(ctx)
	if err != nil {
		return err
	}
	by := conversation.Actor{Kind: conversation.ActorAgent, ID: agents[0].ID}.Everywhere()
	for _, c := range a.demoCustomers() {
		if _, err := sim.PutCustomer(ctx, simulator.Customer{Phone: c.phone, Name: c.name, AutoRead: true}); err != nil {
			return err
		}
		if _, err := sim.Say(ctx, c.phone, c.says); err != nil {
			return err
		}
		id, err := a.awaitConversation(ctx, "+"+c.phone)
		if err != nil {
			return err
		}
		if c.then == nil {
			continue
		}
		if err := c.then(ctx, by, id); err != nil {
			return err
		}
	}
	return nil
}

// awaitConversation waits until a customer's message has come in.
func (a *App) awaitConversation(ctx context.Context, phone string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, demoWait)
	defer cancel()
	for {
		list, _, err := a.Inbox.List(ctx, bySystem.Everywhere(), inbox.Filter{Criteria: inbox.Criteria{View: inbox.ViewAll}, Limit: 100})
		if err != nil {
			return "", err
		}
		for _, c := range list {
			if c.Contact.Phone == phone {
				return c.ID, nil
			}
		}
		if !clock.Sleep(ctx, 50*time.Millisecond) {
			return "", fmt.Errorf("a customer's message did not come in: %w", ctx.Err())
		}
	}
}
