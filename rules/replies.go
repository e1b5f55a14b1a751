package rules

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"guichet.dev/guichet/conversation"
)

// Replies are the automatic replies of an account: a form that becomes rules. They are asked after all other rules, in a
// fixed order: out of hours, first contact, always. One message gets one automatic answer, so the first that may answers.
type Replies struct {
	OutOfHours   *Reply `json:"out_of_hours,omitempty" yaml:"out_of_hours,omitempty" doc:"While the account's business hours are closed"`
	FirstContact *Reply `json:"first_contact,omitempty" yaml:"first_contact,omitempty" doc:"To the contact's first message on the account"`
	Always       *Reply `json:"always,omitempty" yaml:"always,omitempty" doc:"To every message"`
	// QuietMinutes keeps them from speaking into a talk: nothing is sent when an agent wrote within this time.
	QuietMinutes int `json:"quiet_minutes,omitempty" yaml:"quiet_minutes,omitempty" minimum:"0" maximum:"10080" doc:"Nothing is sent if an agent wrote within this time. 0: that does not matter"`
}

// Reply is one automatic reply.
type Reply struct {
	Text  string            `json:"text" yaml:"text" minLength:"1" maxLength:"4096" doc:"With variables such as {{contact.name|you}} and {{hours.next_opening|soon}}"`
	Texts map[string]string `json:"texts,omitempty" yaml:"texts,omitempty" doc:"By the contact's language, as fr or pt-BR; text is for all others"`
	Once  Once              `json:"once,omitempty" yaml:"once,omitempty" enum:"conversation,opening,contact,day,closed_period" doc:"How often; left out: to each message, with a pause"`
	Off   bool              `json:"off,omitempty" yaml:"off,omitempty"`
}

// replyRules returns the rules that the forms of all accounts stand for.
func replyRules(forms map[string]Replies) []Rule {
	var all []Rule
	for _, account := range slices.Sorted(maps.Keys(forms)) {
		all = append(all, forms[account].rules(account)...)
	}
	return all
}

func (r Replies) rules(accountID string) []Rule {
	var list []Rule
	for _, form := range []struct {
		name, when string
		reply      *Reply
	}{
		{"out_of_hours", "not hours.open", r.OutOfHours},
		{"first_contact", "conversation.first_contact", r.FirstContact},
		{"always", "", r.Always},
	} {
		if form.reply == nil {
			continue
		}
		conditions := []string{}
		if form.when != "" {
			conditions = append(conditions, form.when)
		}
		if r.QuietMinutes > 0 {
			conditions = append(conditions, "conversation.minutes_since_agent >= "+strconv.Itoa(r.QuietMinutes))
		}
		list = append(list, Rule{
			ID: ReplyRuleID(accountID, form.name), Name: form.name, When: OnMessage, If: strings.Join(conditions, " and "), AccountIDs: []string{accountID},
			Once: form.reply.Once, Off: form.reply.Off,
			Then: []conversation.RuleAction{{Do: conversation.ActReply, Text: form.reply.Text, Texts: form.reply.Texts}},
		})
	}
	return list
}

// ReplyRuleID is the id of the rule that one of an account's automatic replies stands for.
func ReplyRuleID(accountID, name string) string { return "reply/" + accountID + "/" + name }
