package app_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTypeScriptClient runs the client's own tests, which were compiled against the OpenAPI document, against a real server.
func TestTypeScriptClient(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "web", "client")
	compiled := filepath.Join(folder, "dist", "test", "client.test.js")
	if _, err := os.Stat(compiled); err != nil {
		t.Fatalf("%v: make client builds it", err)
	}
	d := open(t, setup{})
	for _, phone := range []string{"33612345678", "40721234567"} {
		d.say(phone, "hello")
		d.find(phone)
	}
	command := exec.CommandContext(t.Context(), "node", "--test", filepath.Join("dist", "test"))
	command.Dir = folder
	command.Env = append(os.Environ(), "GUICHET_URL="+d.base, "GUICHET_TOKEN="+token)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
