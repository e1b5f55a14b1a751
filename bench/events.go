package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/app"
	"guichet.dev/guichet/team"
)

// The office of the measurement: of its accounts the later ones are restricted, each to a part of the agents.
const (
	eventAccounts   = 5
	openAccounts    = 2
	eventAgents     = 50
	threadsAccount  = 10 // conversations of each account
	restrictedShare = 3  // every third agent sees a restricted account
)

// eventLevels are how many clients listen and how many webhooks a second come in, with what is aimed at in milliseconds.
var eventLevels = []struct {
	clients, rate int
	p50, p99      float64
}{{200, 50, 150, 500}, {2000, 10, 150, 500}}

// eventLine is one number of clients.
type eventLine struct {
	Measurement string `json:"measurement"`
	Clients     int    `json:"clients"`
	Rate        int    `json:"webhooks_per_second"`
	heard
	Memory figure `json:"kilobytes_per_client"`
	P50Aim figure `json:"p50_aim_ms"`
	P99Aim figure `json:"p99_aim_ms"`
}

// eventsResult is the last line.
type eventsResult struct {
	Measurement string      `json:"measurement"`
	Levels      []eventLine `json:"levels"`
	Met         bool        `json:"aims_met"`
	Machine     machine     `json:"machine"`
}

// task is what the clients' process is told.
type task struct {
	Address  string
	Accounts []taskAccount
	Agents   []taskAgent
	Clients  int
	Rate     int
	Seconds  int
}

type taskAccount struct {
	ID, Number string
	Threads    []taskThread
}

type taskThread struct {
	ID     string
	Sender int
	Seq    int64 // of its newest event
}

type taskAgent struct {
	Token string
	Sees  []string // accounts
}

func runEvents(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("events", flag.ContinueOnError)
	write := flags.Bool("write", false, "put the figures into "+performanceFile)
	seconds := flags.Int("seconds", 30, "length of the load at each number of clients")
	listening := flags.Bool("clients", false, "be the clients' process; the measurement starts it by itself")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *listening {
		return runClients(ctx)
	}
	result := eventsResult{Measurement: "events", Met: true, Machine: thisMachine()}
	for _, level := range eventLevels {
		line, err := measureEvents(ctx, level.clients, level.rate, *seconds)
		if err != nil {
			return err
		}
		line.P50Aim, line.P99Aim = figure(level.p50), figure(level.p99)
		result.Met = result.Met && line.exact() && line.P50 <= line.P50Aim && line.P99 <= line.P99Aim
		if err := print(line); err != nil {
			return err
		}
		result.Levels = append(result.Levels, line)
	}
	if err := print(result); err != nil {
		return err
	}
	for _, l := range result.Levels {
		if !l.exact() {
			return errors.New("clients missed events, or heard some twice or of accounts that they may not see")
		}
	}
	if !*write {
		return nil
	}
	return writePerformance("events", "go run ./bench events "+strings.Join(args, " "), result.Machine, result.markdown())
}

// measureEvents plays one level on a new stack.
func measureEvents(ctx context.Context, clients, rate, seconds int) (line eventLine, err error) {
	line = eventLine{Measurement: "events", Clients: clients, Rate: rate}
	s, err := startStack(ctx, app.Serve, map[string]string{"GUICHET_API_RATE": "0"})
	if err != nil {
		return line, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	t, err := furnish(ctx, s)
	if err != nil {
		return line, err
	}
	t.Clients, t.Rate, t.Seconds = clients, rate, seconds
	before := memory()
	program, err := os.Executable()
	if err != nil {
		return line, err
	}
	cmd := exec.CommandContext(ctx, program, "events", "-clients")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return line, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return line, err
	}
	if err := cmd.Start(); err != nil {
		return line, err
	}
	answers := json.NewDecoder(bufio.NewReader(out))
	orders := json.NewEncoder(in)
	var connected int
	err = errors.Join(orders.Encode(t), answers.Decode(&connected))
	if err == nil {
		line.Memory = figure(float64(memory()-before) / 1024 / float64(connected))
		err = errors.Join(orders.Encode("go"), answers.Decode(&line.heard))
	}
	return line, errors.Join(err, in.Close(), cmd.Wait())
}

// memory is what the process holds in heap and stacks when it has tidied up.
func memory() int64 {
	time.Sleep(time.Second) // let what was just connected come to rest
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// furnish makes accounts, agents with their tokens, and conversations.
func furnish(ctx context.Context, s *stack) (t task, err error) {
	t.Address = s.app.Address()
	by := team.System()
	var agents []string
	for i := range eventAgents {
		agent, err := s.app.Team.CreateAgent(ctx, by, team.NewAgent{Name: fmt.Sprintf("Agent %d", i), Email: fmt.Sprintf("agent%d@example.org", i), Role: team.RoleAgent})
		if err != nil {
			return t, err
		}
		_, token, err := s.app.Team.CreateToken(ctx, by, team.NewToken{Name: agent.Name, AgentID: agent.ID})
		if err != nil {
			return t, err
		}
		agents, t.Agents = append(agents, agent.ID), append(t.Agents, taskAgent{Token: token})
	}
	for i := range eventAccounts {
		account, err := s.connect(ctx, fmt.Sprintf("20654035224%04d", i))
		if err != nil {
			return t, err
		}
		for j := range agents {
			sees := i < openAccounts || j%restrictedShare == i%restrictedShare
			if sees {
				t.Agents[j].Sees = append(t.Agents[j].Sees, account.ID)
			}
			if sees && i >= openAccounts {
				if _, err := s.app.DB.ExecContext(ctx, "INSERT INTO account_viewers (account_id, agent_id) VALUES (?, ?)", account.ID, agents[j]); err != nil {
					return t, err
				}
			}
		}
		if _, err := s.app.DB.ExecContext(ctx, "UPDATE accounts SET restricted = ? WHERE id = ?", i >= openAccounts, account.ID); err != nil {
			return t, err
		}
		filled, err := s.fill(ctx, account, i)
		if err != nil {
			return t, err
		}
		t.Accounts = append(t.Accounts, filled)
	}
	return t, nil
}

// connect connects one more number.
func (s *stack) connect(ctx context.Context, number string) (accounts.Account, error) {
	return s.app.Accounts.Create(ctx, conversation.Actor{Kind: conversation.ActorSystem}, accounts.New{
		Channel: conversation.WhatsApp, Name: "Benchmark " + number, ProviderID: number, BusinessID: "102290129340398",
		APIBaseURL: "https://graph.facebook.com", APIVersion: "v26.0",
		Secrets: channel.Secrets{AccessToken: "token", AppSecret: secret, VerifyToken: "verify"},
	})
}

// fill lets customers write the first message of each conversation.
func (s *stack) fill(ctx context.Context, account accounts.Account, index int) (t taskAccount, err error) {
	t = taskAccount{ID: account.ID, Number: account.ProviderID}
	p, err := dialPoster(ctx, s.app.Address(), "/webhooks/whatsapp/"+account.ID)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	for i := range threadsAccount {
		thread := taskThread{Sender: index*threadsAccount + i}
		id := fmt.Sprintf("wamid.FIRST%d", thread.Sender)
		if status, err := p.post(textFor(account.ProviderID, thread.Sender, id)); err != nil || status != 200 {
			return t, errors.Join(err, fmt.Errorf("webhook answered %d", status))
		}
		err := s.app.DB.DB.QueryRowContext(ctx, "SELECT c.id, c.last_seq FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.provider_id = $1", id).
			Scan(&thread.ID, &thread.Seq)
		if err != nil {
			return t, err
		}
		t.Threads = append(t.Threads, thread)
	}
	return t, nil
}

// textFor is textWebhook to any number.
func textFor(to string, sender int, id string) []byte {
	return []byte(strings.Replace(string(textWebhook(nil, sender, id, time.Now().Unix())), number, to, 1))
}

// markdown is the document's section.
func (r eventsResult) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Live events\n\nClients listen to `GET /api/v1/events` as %d agents; of %d accounts %d are restricted, each to a third of the agents. Signed\n"+
		"webhooks come in at an even rate, and from the moment in which one is posted it is timed until each client that may see it has\n"+
		"read its event. While they do, clients are cut off all the time and come back a moment later with their cursor. The clients'\n"+
		"process and the customers' part run on the same machine; memory is the serving process's heap and stacks.\n\n"+
		"| clients | webhooks/s | events heard | p50 ms | p99 ms | aim | KB a client | reconnections | missed | twice | not allowed |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
		eventAgents, eventAccounts, eventAccounts-openAccounts)
	for _, l := range r.Levels {
		fmt.Fprintf(&b, "| %d | %d | %d | %.0f | %.0f | ≤ %.0f / %.0f | %.0f | %d | %d | %d | %d |\n",
			l.Clients, l.Rate, l.Heard, l.P50, l.P99, l.P50Aim, l.P99Aim, l.Memory, l.Reconnections, l.Missed, l.Twice, l.Foreign)
	}
	return b.String()
}
