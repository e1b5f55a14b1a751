package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// The ways in which a process ends.
const (
	deathByKill  = "killed"
	deathByPlace = "died at a chosen place"
	deathByFault = "ended by itself"
)

// crashProcess is a process of the product, started again whenever it ends, as its supervisor would.
type crashProcess struct {
	name    string
	run     func() *exec.Cmd
	mourn   func() // called after each death, before the restart
	stop    context.Context
	halt    context.CancelFunc
	done    chan struct{}
	died    chan string
	mu      sync.Mutex
	current *exec.Cmd
	places  string // at which the next start may die
	killed  bool
	deaths  map[string]int
}

// process starts one of the product's commands.
func (s *crashSite) process(name string, env ...string) *crashProcess {
	p := &crashProcess{
		name: name, done: make(chan struct{}), died: make(chan string, 64), deaths: map[string]int{},
		mourn: func() {
			if name == "work" {
				s.noteInFlight()
			}
		},
	}
	p.run = func() *exec.Cmd {
		cmd := exec.Command(s.binary, name)
		cmd.Env = append(append([]string{}, s.env...), env...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us: we end it
		return cmd
	}
	p.stop, p.halt = context.WithCancel(context.Background())
	go p.supervise(filepath.Join(s.folder, name+".log"))
	return p
}

// supervise keeps the process running until the end.
func (p *crashProcess) supervise(log string) {
	defer close(p.done)
	for p.stop.Err() == nil {
		death, err := p.live(log)
		if p.stop.Err() != nil {
			return
		}
		if err != nil {
			death = deathByFault
		}
		p.mu.Lock()
		p.deaths[death]++
		p.mu.Unlock()
		if !crashPause(p.stop, 300*time.Millisecond) {
			return
		}
		p.mourn()
		select {
		case p.died <- death:
		default: // nobody waits for it
		}
	}
}

// live runs the process once and returns how it ended.
func (p *crashProcess) live(log string) (string, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { _ = out.Close() }() // the child has its own descriptor
	cmd := p.run()
	cmd.Stdout, cmd.Stderr = out, out
	p.mu.Lock()
	places := p.places
	p.places, p.killed = "", false
	if places != "" {
		cmd.Env = append(cmd.Env, "GUICHET_FAILPOINTS="+places)
	}
	if err = p.stop.Err(); err == nil {
		err = cmd.Start()
	}
	if err == nil {
		p.current = cmd
	}
	p.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("start guichet %s: %w", p.name, err)
	}
	err = cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = nil
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case p.killed:
		return deathByKill, nil
	case ok && status.Signaled() && status.Signal() == syscall.SIGKILL && places != "":
		return deathByPlace, nil
	default:
		return deathByFault, err
	}
}

// kill ends the process as kill -9 does. The next one may die at the places, until it does.
func (p *crashProcess) kill(places string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.places = places
	if p.current == nil {
		return nil // it is dead already; the next start gets the places
	}
	p.killed = true
	return p.current.Process.Kill()
}

// end ends the process for good.
func (p *crashProcess) end() {
	p.halt()
	p.mu.Lock()
	if p.current != nil {
		_ = p.current.Process.Kill() // it may have ended
	}
	p.mu.Unlock()
	<-p.done
}

// awaitDeath waits for the next death and reports whether it came in time.
func (p *crashProcess) awaitDeath(ctx context.Context, most time.Duration) bool {
	select {
	case <-p.died:
		return true
	case <-time.After(most):
		return false
	case <-ctx.Done():
		return false
	}
}
