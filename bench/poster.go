package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// patience is how long an answer may take.
const patience = 30 * time.Second

// poster posts webhooks on one kept connection. It writes and reads no more of HTTP than it must, so that the measurement
// spends the machine on the product and not on the provider's part.
type poster struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	head string
}

func dialPoster(ctx context.Context, address, path string) (*poster, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to the product: %w", err)
	}
	return &poster{
		conn: conn, in: bufio.NewReader(conn),
		head: "POST " + path + " HTTP/1.1\r\nHost: " + address + "\r\nContent-Type: application/json\r\nX-Hub-Signature-256: ",
	}, nil
}

// post posts a body and returns the status.
func (p *poster) post(body []byte) (int, error) {
	p.out = append(p.out[:0], p.head...)
	p.out = append(p.out, signature(body)...)
	p.out = append(p.out, "\r\nContent-Length: "...)
	p.out = strconv.AppendInt(p.out, int64(len(body)), 10)
	p.out = append(append(p.out, "\r\n\r\n"...), body...)
	if err := p.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	if _, err := p.conn.Write(p.out); err != nil {
		return 0, err
	}
	return p.answer()
}

func (p *poster) answer() (int, error) {
	line, err := p.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("not an HTTP status line: %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, fmt.Errorf("not an HTTP status: %w", err)
	}
	length := 0
	for {
		if line, err = p.in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, fmt.Errorf("not a length: %w", err)
			}
		}
	}
	_, err = io.CopyN(io.Discard, p.in, int64(length))
	return status, err
}

func (p *poster) close() error { return p.conn.Close() }
