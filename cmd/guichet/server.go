package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"guichet.dev/guichet/blueprint"
)

// serverFlags say which server a command talks to. Its token comes from the environment, or from a file: arguments can be seen by
// every user of the machine.
type serverFlags struct {
	URL string `env:"GUICHET_URL" default:"http://127.0.0.1:8080" help:"Where the server is. The token comes from GUICHET_TOKEN, or from the file that GUICHET_TOKEN_FILE names."`
}

const (
	serverTimeout = time.Minute
	// longestAnswer bounds what is read of an answer, in bytes.
	longestAnswer = 8 << 20
)

// refusal is an answer that is a problem document.
type refusal struct {
	Detail  string
	Code    string
	Details struct{ Problems []blueprint.Problem }
}

func (s serverFlags) export(ctx context.Context) ([]byte, error) {
	file, refused, err := s.call(ctx, http.MethodGet, nil, nil)
	if err == nil && refused != nil {
		err = refused.err()
	}
	return file, err
}

func (s serverFlags) apply(ctx context.Context, c automationApply, source []byte) (result blueprint.Result, problems []blueprint.Problem, err error) {
	query := url.Values{}
	for name, set := range map[string]bool{"dry_run": c.DryRun, "prune": c.Prune, "move_deadlines": c.MoveDeadlines} {
		query.Set(name, strconv.FormatBool(set))
	}
	if c.Comment != "" {
		query.Set("comment", c.Comment)
	}
	body, refused, err := s.call(ctx, http.MethodPut, query, source)
	switch {
	case err != nil:
		return result, nil, err
	case refused != nil && len(refused.Details.Problems) > 0:
		return result, refused.Details.Problems, nil
	case refused != nil:
		return result, nil, refused.err()
	}
	if err := json.Unmarshal(body, &result); err != nil {
		return result, nil, fmt.Errorf("read the server's answer: %w", err)
	}
	return result, nil, nil
}

func (r *refusal) err() error { return fmt.Errorf("the server refuses: %s (%s)", r.Detail, r.Code) }

// call makes a request for the automation.
func (s serverFlags) call(ctx context.Context, method string, query url.Values, source []byte) (body []byte, refused *refusal, err error) {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	token, err := readToken()
	if err != nil {
		return nil, nil, err
	}
	at := strings.TrimRight(s.URL, "/") + "/api/v1/automation?" + query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(source))
	if err != nil {
		return nil, nil, fmt.Errorf("ask the server: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/yaml")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, fmt.Errorf("ask the server: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if body, err = io.ReadAll(io.LimitReader(response.Body, longestAnswer)); err != nil {
		return nil, nil, fmt.Errorf("read the server's answer: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return body, nil, nil
	}
	refused = &refusal{}
	if json.Unmarshal(body, refused) != nil || refused.Code == "" {
		return nil, nil, fmt.Errorf("ask the server: it answers %s", response.Status)
	}
	return nil, refused, nil
}

func readToken() (string, error) {
	if token := os.Getenv("GUICHET_TOKEN"); token != "" {
		return token, nil
	}
	name := os.Getenv("GUICHET_TOKEN_FILE")
	if name == "" {
		return "", errors.New("set GUICHET_TOKEN to an API token, or GUICHET_TOKEN_FILE to a file with one")
	}
	token, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("GUICHET_TOKEN_FILE: %w", err)
	}
	return strings.TrimSpace(string(token)), nil
}
