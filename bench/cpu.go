package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// spent is processor time: what rates lose to other programs on the machine it does not.
type spent struct{ program, postgres time.Duration }

// tick is the unit of /proc/PID/stat; Linux has shown 100 a second to programs on every architecture for decades.
const tick = 10 * time.Millisecond

// spentBy returns what this program and the sessions of the PostgreSQL server have used so far; zero where that cannot be
// told. A session that ends takes its time along, so pools must keep theirs.
func spentBy(server int) spent {
	var s spent
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err == nil {
		s.program = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return s
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// The name in brackets may hold anything; after it: state, parent, …, and 12th and 13th user and system time.
		_, text, _ = bytes.Cut(text[bytes.LastIndexByte(text, ')'):], []byte(" "))
		fields := bytes.Fields(text)
		if len(fields) < 13 || string(fields[1]) != strconv.Itoa(server) {
			continue
		}
		for _, field := range fields[11:13] {
			ticks, err := strconv.Atoi(string(field))
			if err == nil {
				s.postgres += time.Duration(ticks) * tick
			}
		}
	}
	return s
}

func (s spent) since(before spent) spent {
	return spent{s.program - before.program, s.postgres - before.postgres}
}

// each divides by a count, in microseconds.
func (s spent) each(n int) (program, postgres float64) {
	if n == 0 {
		return 0, 0
	}
	return float64(s.program.Microseconds()) / float64(n), float64(s.postgres.Microseconds()) / float64(n)
}
