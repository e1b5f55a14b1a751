package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"guichet.dev/guichet/simulator/cloudapi"
)

// maxControlBody lets a control request carry a media file.
const maxControlBody = cloudapi.MaxMediaBytes * 2

// ControlError is the answer to a control request that cannot be carried out.
type ControlError struct {
	Status  int      `json:"-"`               // HTTP status; 400
	Field   string   `json:"field,omitempty"` // of the request
	Message string   `json:"message"`
	Allowed []string `json:"allowed,omitempty"` // values of the field
}

// Error implements the error interface.
func (e *ControlError) Error() string {
	text := "simulator: " + e.Message
	if e.Field != "" {
		text = "simulator: " + e.Field + ": " + e.Message
	}
	if len(e.Allowed) > 0 {
		text += " (allowed: " + strings.Join(e.Allowed, ", ") + ")"
	}
	return text
}

// controlRoute is one route of the control API with what the index says of it.
type controlRoute struct {
	Route   string          `json:"route"`
	About   string          `json:"about"`
	Example json.RawMessage `json:"example,omitempty"`
	run     func(r *http.Request) (any, error)
}

// routes puts both APIs behind one handler. Browsers of other origins are kept
// from the control API, which has no password.
func (s *Server) routes() http.Handler {
	control := http.NewServeMux()
	table := s.controlTable()
	for _, route := range table {
		control.HandleFunc(route.Route, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
			answer, err := route.run(r)
			if err != nil {
				writeControlError(w, err)
				return
			}
			writeJSON(w, http.StatusOK, answer)
		})
	}
	control.HandleFunc("GET /control", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"routes": table, "customer_types": CustomerTypes})
	})
	control.HandleFunc("/control/", func(w http.ResponseWriter, _ *http.Request) {
		writeControlError(w, &ControlError{Status: http.StatusNotFound, Message: "no such route; GET /control lists them"})
	})
	mux := http.NewServeMux()
	guarded := http.NewCrossOriginProtection().Handler(control)
	mux.Handle("/control", guarded)
	mux.Handle("/control/", guarded)
	mux.HandleFunc("GET /mailbox", s.mailbox.page)
	mux.HandleFunc("GET /mailbox/{id}", s.mailbox.page)
	mux.HandleFunc("/whatsapp_business/attachments/", s.serveMedia)
	mux.HandleFunc("/", s.serveGraph)
	return mux
}

func writeControlError(w http.ResponseWriter, err error) {
	var known *ControlError
	if !errors.As(err, &known) {
		known = &ControlError{Status: http.StatusInternalServerError, Message: err.Error()}
	}
	writeJSON(w, max(known.Status, http.StatusBadRequest), map[string]any{"error": known})
}

// decode reads a control body; an empty one is the zero value.
func decode[T any](r *http.Request) (T, error) {
	var value T
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return value, &ControlError{Status: http.StatusRequestEntityTooLarge, Field: "body", Message: "cannot be read or is too large"}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return value, nil
	}
	err = strictDecode(body, &value)
	return value, err
}

// strictDecode refuses unknown fields and names the field that is wrong.
func strictDecode(body []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(value)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return &ControlError{Field: "body", Message: "must be one JSON value"}
		}
		return nil
	case errors.As(err, &wrong):
		return &ControlError{Field: wrong.Field, Message: "cannot be a JSON " + wrong.Value}
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return &ControlError{Field: strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`), Message: "unknown field"}
	}
	return &ControlError{Field: "body", Message: strings.TrimPrefix(err.Error(), "json: ")}
}
