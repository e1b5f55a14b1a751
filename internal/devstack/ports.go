package devstack

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

const loopback = "127.0.0.1"

// choosePort returns a free port for 0, and checks any other: a child that finds its port taken says so only in its log.
func choosePort(what string, port int) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return 0, fmt.Errorf("%s: port %d on %s is taken by another program: stop that program or choose another port", what, port, loopback)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: port %d on %s: %w", what, port, loopback, err)
	}
	tcp, ok := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	if !ok {
		return 0, fmt.Errorf("%s: %s is no TCP address", what, l.Addr())
	}
	return tcp.Port, nil
}
