package assignment

import "time"

// Kind is how a policy finds somebody.
type Kind string

// The kinds.
const (
	Salesperson     Kind = "salesperson"       // the contact's own salesperson: an agent's id or e-mail in a contact attribute
	AttributeAgent  Kind = "attribute_agent"   // any other agent in a contact attribute
	LastAgent       Kind = "last_agent"        // who had the contact on this account, or answered, last
	TeamByAttribute Kind = "team_by_attribute" // the team for the value of an attribute of the contact or the account
	LeastLoaded     Kind = "least_loaded"
	RoundRobin      Kind = "round_robin" // who has waited longest for a conversation
	Random          Kind = "random"
	FixedAgent      Kind = "agent"
	FixedTeam       Kind = "team"
)

// Kinds lists the kinds.
func Kinds() []Kind {
	return []Kind{Salesperson, AttributeAgent, LastAgent, TeamByAttribute, LeastLoaded, RoundRobin, Random, FixedAgent, FixedTeam}
}

// Distribution is how a team's conversations are given to its members.
type Distribution string

// The distributions. With ByHand the conversation is the team's, and its members take it themselves.
const (
	ByLoad   Distribution = "least_loaded"
	ByTurn   Distribution = "round_robin"
	ByChance Distribution = "random"
	ByHand   Distribution = "by_hand"
)

// Distributions lists the distributions.
func Distributions() []Distribution { return []Distribution{ByLoad, ByTurn, ByChance, ByHand} }

// Nobody is what happens when a policy finds nobody who can take the conversation.
type Nobody string

// What can happen.
const (
	Next  Nobody = "next"  // the next policy is tried
	Queue Nobody = "queue" // it waits until somebody of the team, or of the account, has room
	Leave Nobody = "leave" // it is nobody's
)

// Nobodies lists what can happen.
func Nobodies() []Nobody { return []Nobody{Next, Queue, Leave} }

// Presence is who counts as being there.
type Presence string

// The presences.
const (
	Online           Presence = "online"
	OnShift          Presence = "on_shift"
	OnlineAndOnShift Presence = "online_and_on_shift"
	Anybody          Presence = "any"
)

// Presences lists the presences.
func Presences() []Presence { return []Presence{Online, OnShift, OnlineAndOnShift, Anybody} }

// Source is whose attribute a policy looks at.
type Source string

// The sources.
const (
	OfContact Source = "contact"
	OfAccount Source = "account" // one of the plan's own attributes, such as the account's brand
)

// Sources lists the sources.
func Sources() []Source { return []Source{OfContact, OfAccount} }

// Link is one part of the chain that an offer passes along when it was not taken up.
type Link string

// The links.
const (
	ToPolicies    Link = "policies"    // the policies after the one that offered
	ToTeam        Link = "team"        // the other members of the conversation's team
	ToSupervisors Link = "supervisors" // who has the permission agents.capacity
	ToCustomer    Link = "customer"    // the customer is told
)

// Links lists the links.
func Links() []Link { return []Link{ToPolicies, ToTeam, ToSupervisors, ToCustomer} }

// AssignmentPolicy is one way to find somebody. Each kind uses the fields that it needs. Its name is that of the API's document,
// in which there are other policies.
type AssignmentPolicy struct {
	Kind         Kind              `json:"kind" yaml:"kind"`
	Attribute    string            `json:"attribute,omitempty" yaml:"attribute,omitempty" maxLength:"50" doc:"Key of the attribute, of salesperson, attribute_agent and team_by_attribute"`
	Source       Source            `json:"source,omitempty" yaml:"source,omitempty" doc:"Whose attribute team_by_attribute looks at. Default contact"`
	Teams        map[string]string `json:"teams,omitempty" yaml:"teams,omitempty" names:"team" doc:"Of team_by_attribute: the team's id for each value"`
	TeamID       string            `json:"team_id,omitempty" yaml:"team,omitempty" names:"team" doc:"Of team; of least_loaded, round_robin and random, where an absent one means all who see the account"`
	AgentID      string            `json:"agent_id,omitempty" yaml:"agent,omitempty" names:"agent" doc:"Of agent"`
	Days         int               `json:"days,omitempty" yaml:"days,omitempty" minimum:"0" maximum:"365" doc:"Of last_agent: how far back. Default 30"`
	Distribution Distribution      `json:"distribution,omitempty" yaml:"distribution,omitempty" doc:"Of team and team_by_attribute. Default least_loaded"`
	Nobody       Nobody            `json:"nobody,omitempty" yaml:"nobody,omitempty" doc:"What happens if nobody can take it. Default next"`
}

// Offer says how assignments must be taken up.
type Offer struct {
	TakeUpSeconds int    `json:"take_up_seconds,omitempty" yaml:"take_up_seconds,omitempty" minimum:"0" maximum:"86400" doc:"How long an agent has to take a conversation up. 0: it is assigned at once"`
	BusinessTime  bool   `json:"business_time,omitempty" yaml:"business_time,omitempty" doc:"Whether only the account's business time counts"`
	Chain         []Link `json:"chain,omitempty" yaml:"chain" maxItems:"4" doc:"To whom an offer passes that was not taken up, in this order. Default policies, team, supervisors"`
	Text          string `json:"text,omitempty" yaml:"text,omitempty" maxLength:"1000" doc:"What the customer is told at the link customer"`
}

// Plan is how an account's conversations are assigned.
type Plan struct {
	Policies   []AssignmentPolicy `json:"policies" yaml:"policies" maxItems:"20" nullable:"false"`
	Presence   Presence           `json:"presence,omitempty" yaml:"presence,omitempty" doc:"Who counts as being there. Default online"`
	Offer      Offer              `json:"offer,omitempty" yaml:"offer"`
	Weight     int                `json:"weight,omitempty" yaml:"weight,omitempty" minimum:"0" maximum:"10" doc:"What an open conversation weighs in an agent's load. Default 1"`
	Attributes map[string]string  `json:"attributes,omitempty" yaml:"attributes,omitempty" doc:"Of the account, such as its brand, for team_by_attribute"`
	UpdatedAt  *time.Time         `json:"updated_at,omitempty" yaml:"-" readOnly:"true" doc:"Absent if the account has no plan yet"`
}

// seconds returns how long an agent has to take an offer up; 0: there are no offers.
func (o Offer) seconds() time.Duration { return time.Duration(o.TakeUpSeconds) * time.Second }
