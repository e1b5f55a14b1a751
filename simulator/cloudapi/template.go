package cloudapi

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Template is a message template of a WABA, as the management API shows it.
type Template struct {
	ID              string      `json:"id"`
	Name            string      `json:"name"`
	Language        string      `json:"language"`
	Category        string      `json:"category"`         // MARKETING, UTILITY, AUTHENTICATION
	Status          string      `json:"status"`           // only APPROVED can be sent
	ParameterFormat string      `json:"parameter_format"` // POSITIONAL or NAMED
	Components      []Component `json:"components"`
}

// Component is the header, body, footer or the buttons of a template.
type Component struct {
	Type    string          `json:"type"`
	Format  string          `json:"format,omitempty"` // of a header: TEXT, IMAGE, VIDEO, DOCUMENT, LOCATION
	Text    string          `json:"text,omitempty"`
	Buttons []Button        `json:"buttons,omitempty"`
	Example json.RawMessage `json:"example,omitempty"`
}

// Button is one button of a template.
type Button struct {
	Type        string          `json:"type"`
	Text        string          `json:"text,omitempty"`
	URL         string          `json:"url,omitempty"`
	PhoneNumber string          `json:"phone_number,omitempty"`
	Example     json.RawMessage `json:"example,omitempty"`
}

// TemplateUse is the template object of a send.
type TemplateUse struct {
	Name, Language string
	Components     []UsedComponent
}

// UsedComponent carries the parameters for one component.
type UsedComponent struct {
	Type, SubType string
	Index         int
	Parameters    []Parameter
}

// Parameter is one value for a variable.
type Parameter struct {
	Type, Name, Text string
}

var (
	placeholder  = regexp.MustCompile(`\{\{\s*([a-z0-9_]+)\s*\}\}`)
	templateName = regexp.MustCompile(`^[a-z0-9_]{1,512}$`)
)

// Allowed values of a template's fields.
var (
	TemplateCategories = []string{"AUTHENTICATION", "MARKETING", "UTILITY"}
	TemplateStatuses   = []string{"APPROVED", "ARCHIVED", "DELETED", "DISABLED", "IN_APPEAL", "LIMIT_EXCEEDED", "PAUSED", "PENDING", "PENDING_DELETION", "REJECTED"}
	parameterFormats   = []string{"NAMED", "POSITIONAL"}
)

// Check fills in defaults and returns the field that is wrong, with what is
// allowed, or "" if the template is sound.
func (t *Template) Check() (field, allowed string) {
	t.Category, t.Status = strings.ToUpper(t.Category), strings.ToUpper(t.Status)
	t.ParameterFormat = strings.ToUpper(t.ParameterFormat)
	if t.Status == "" {
		t.Status = "APPROVED"
	}
	if t.ParameterFormat == "" {
		t.ParameterFormat = "POSITIONAL"
	}
	body := t.component("BODY")
	switch {
	case !templateName.MatchString(t.Name):
		return "name", "1 to 512 of a-z, 0-9 and _"
	case t.Language == "" || len(t.Language) > 16:
		return "language", "a code such as en_US"
	case !slices.Contains(TemplateCategories, t.Category):
		return "category", strings.Join(TemplateCategories, ", ")
	case !slices.Contains(TemplateStatuses, t.Status):
		return "status", strings.Join(TemplateStatuses, ", ")
	case !slices.Contains(parameterFormats, t.ParameterFormat):
		return "parameter_format", strings.Join(parameterFormats, ", ")
	case body == nil || body.Text == "" || utf8.RuneCountInString(body.Text) > 1024:
		return "components", "a BODY with a text of 1 to 1024 characters"
	}
	return "", ""
}

func (t *Template) component(kind string) *Component {
	for i := range t.Components {
		if strings.EqualFold(t.Components[i].Type, kind) {
			return &t.Components[i]
		}
	}
	return nil
}

func parseTemplateUse(c *checker, content node) *TemplateUse {
	use := &TemplateUse{Name: c.str(content, "name", true, 512)}
	if language, ok := c.object(content, "language", true); ok {
		use.Language = c.str(language, "code", true, 16)
	}
	for _, component := range c.objects(content, "components", 0, 13) {
		used := UsedComponent{Type: strings.ToLower(c.str(component, "type", true, 32)), SubType: strings.ToLower(c.str(component, "sub_type", false, 32))}
		if used.Type == "button" {
			used.Index = parseIndex(c, component)
		}
		for _, parameter := range c.objects(component, "parameters", 0, 100) {
			used.Parameters = append(used.Parameters, parseParameter(c, parameter))
		}
		use.Components = append(use.Components, used)
	}
	return use
}

func parseIndex(c *checker, component node) int {
	value, ok := c.value(component, "index", true)
	if !ok {
		return 0
	}
	index, err := strconv.Atoi(fmt.Sprint(value))
	if err != nil || index < 0 || index > 9 {
		c.fail(CodeInvalid, "Param %s must be 0 to 9.", component.at("index"))
	}
	return index
}

func parseParameter(c *checker, parameter node) Parameter {
	p := Parameter{Type: strings.ToLower(c.str(parameter, "type", true, 32)), Name: c.str(parameter, "parameter_name", false, 128)}
	switch p.Type {
	case "text":
		p.Text = c.str(parameter, "text", true, 0)
		if c.err == nil && (strings.ContainsAny(p.Text, "\n\t") || strings.Contains(p.Text, "     ")) {
			c.fail(CodeParameter, "Param text cannot have new-line/tab characters or more than 4 consecutive spaces")
		}
	case "payload":
		c.str(parameter, "payload", true, 256)
	case "image", "video", "document":
		if media, ok := c.object(parameter, p.Type, true); ok {
			parseMediaSource(c, media, p.Type)
		}
	case "currency", "date_time", "location", "coupon_code", "action":
	default:
		c.fail(CodeTemplateParameter, "Unknown parameter type.")
	}
	return p
}

// Render checks a use against the template and returns the body with its
// variables filled in.
func (t *Template) Render(use *TemplateUse) (string, *Error) {
	switch t.Status {
	case "APPROVED":
	case "PAUSED":
		return "", NewError(CodeTemplatePaused, "Template is paused due to low quality.")
	case "DISABLED":
		return "", NewError(CodeTemplateDisabled, "Template was paused too many times and is disabled.")
	default:
		return "", NewError(CodeTemplateMissing, "Template is not approved in this language.")
	}
	if err := t.checkHeader(use); err != nil {
		return "", err
	}
	if err := t.checkButtons(use); err != nil {
		return "", err
	}
	body := t.component("BODY")
	if body == nil {
		return "", nil
	}
	values, err := t.bind("body", body.Text, use.find("body"))
	if err != nil {
		return "", err
	}
	text := placeholder.ReplaceAllStringFunc(body.Text, func(match string) string {
		return values[placeholder.FindStringSubmatch(match)[1]]
	})
	if utf8.RuneCountInString(text) > 1024 {
		return "", NewError(CodeTemplateLength, "The body with its parameters exceeds 1024 characters.")
	}
	return text, nil
}

func (u *TemplateUse) find(kind string) []Parameter {
	for _, component := range u.Components {
		if component.Type == kind {
			return component.Parameters
		}
	}
	return nil
}

// bind matches parameters with the variables of a text.
func (t *Template) bind(part, text string, parameters []Parameter) (map[string]string, *Error) {
	var names []string
	for _, match := range placeholder.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(names, match[1]) {
			names = append(names, match[1])
		}
	}
	if len(names) != len(parameters) {
		return nil, NewError(CodeTemplateCount, "%s: number of localizable_params (%d) does not match the expected number of params (%d)", part, len(parameters), len(names))
	}
	values := make(map[string]string, len(names))
	for i, parameter := range parameters {
		name := strconv.Itoa(i + 1)
		if t.ParameterFormat == "NAMED" {
			name = parameter.Name
		}
		if !slices.Contains(names, name) {
			return nil, NewError(CodeTemplateParameter, "%s: parameter name is missing or not in the template", part)
		}
		if !slices.Contains([]string{"text", "currency", "date_time"}, parameter.Type) {
			return nil, NewError(CodeTemplateParameter, "%s: expected a parameter of type text", part)
		}
		values[name] = parameter.Text
	}
	return values, nil
}

func (t *Template) checkHeader(use *TemplateUse) *Error {
	parameters := use.find("header")
	header := t.component("HEADER")
	if header == nil {
		if len(parameters) > 0 {
			return NewError(CodeTemplateCount, "header: the template has none")
		}
		return nil
	}
	if header.Format == "" || strings.EqualFold(header.Format, "TEXT") {
		_, err := t.bind("header", header.Text, parameters)
		return err
	}
	if len(parameters) != 1 || !strings.EqualFold(parameters[0].Type, header.Format) {
		return NewError(CodeTemplateParameter, "header: Format mismatch, expected %s", strings.ToUpper(header.Format))
	}
	return nil
}

func (t *Template) checkButtons(use *TemplateUse) *Error {
	var buttons []Button
	if component := t.component("BUTTONS"); component != nil {
		buttons = component.Buttons
	}
	given := map[int]bool{}
	for _, used := range use.Components {
		if used.Type != "button" {
			continue
		}
		if used.Index >= len(buttons) || !strings.EqualFold(buttons[used.Index].Type, used.SubType) {
			return NewError(CodeTemplateParameter, "button: no button of this sub_type at index %d", used.Index)
		}
		given[used.Index] = len(used.Parameters) > 0
	}
	for i, button := range buttons {
		if strings.EqualFold(button.Type, "URL") && placeholder.MatchString(button.URL) != given[i] {
			return NewError(CodeTemplateCount, "button: parameters do not match the URL at index %d", i)
		}
	}
	return nil
}
