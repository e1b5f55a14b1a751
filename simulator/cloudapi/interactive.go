package cloudapi

import (
	"net/url"
	"slices"
)

func webAddress(text string) bool {
	address, err := url.Parse(text)
	return err == nil && (address.Scheme == "http" || address.Scheme == "https") && address.Host != ""
}

var interactiveTypes = []string{"button", "contact_request", "cta_url", "list", "location_request_message"}

// parseInteractive checks an interactive object and returns its body text.
func parseInteractive(c *checker, content node) string {
	kind := c.oneOf(content, "type", true, interactiveTypes...)
	bodyMax := 1024
	if kind == "list" {
		bodyMax = 4096
	}
	var text string
	if body, ok := c.object(content, "body", true); ok {
		text = c.str(body, "text", true, bodyMax)
	}
	if footer, ok := c.object(content, "footer", false); ok {
		c.str(footer, "text", true, 60)
	}
	parseHeader(c, content, kind)
	action, ok := c.object(content, "action", true)
	if !ok {
		return text
	}
	switch kind {
	case "button":
		parseButtons(c, action)
	case "list":
		parseList(c, action)
	case "cta_url":
		c.oneOf(action, "name", true, "cta_url")
		if parameters, ok := c.object(action, "parameters", true); ok {
			c.str(parameters, "display_text", true, 20)
			if address := c.str(parameters, "url", true, 2000); c.err == nil && !webAddress(address) {
				c.fail(CodeInvalid, "Param %s is not a valid URL.", parameters.at("url"))
			}
		}
	case "location_request_message":
		c.oneOf(action, "name", true, "send_location")
	case "contact_request":
		c.oneOf(action, "name", true, "request_contact_info")
	}
	return text
}

func parseHeader(c *checker, content node, kind string) {
	header, ok := c.object(content, "header", false)
	if !ok {
		return
	}
	allowed := []string{"text"}
	if kind == "button" || kind == "cta_url" {
		allowed = []string{"text", "image", "video", "document"}
	}
	form := c.oneOf(header, "type", true, allowed...)
	if form == "text" {
		c.str(header, "text", true, 60)
		return
	}
	if media, ok := c.object(header, form, true); ok {
		parseMediaSource(c, media, form)
	}
}

func parseButtons(c *checker, action node) {
	var ids, titles []string
	for _, button := range c.objects(action, "buttons", 1, 3) {
		c.oneOf(button, "type", true, "reply")
		reply, ok := c.object(button, "reply", true)
		if !ok {
			return
		}
		id, title := c.str(reply, "id", true, 256), c.str(reply, "title", true, 20)
		if c.err == nil && (slices.Contains(ids, id) || slices.Contains(titles, title)) {
			c.fail(CodeInvalid, "Button ids and titles must be unique.")
		}
		ids, titles = append(ids, id), append(titles, title)
	}
}

func parseList(c *checker, action node) {
	c.str(action, "button", true, 20)
	sections := c.objects(action, "sections", 1, 10)
	var ids []string
	for _, section := range sections {
		c.str(section, "title", len(sections) > 1, 24)
		for _, row := range c.objects(section, "rows", 1, 10) {
			id := c.str(row, "id", true, 200)
			c.str(row, "title", true, 24)
			c.str(row, "description", false, 72)
			if c.err == nil && slices.Contains(ids, id) {
				c.fail(CodeInvalid, "Row ids must be unique.")
			}
			ids = append(ids, id)
		}
	}
	if len(ids) > 10 {
		c.fail(CodeInvalid, "Total row count exceeds the maximum of 10.")
	}
}
