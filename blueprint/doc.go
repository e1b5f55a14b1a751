// Package blueprint is the whole automation of an office as one YAML file: business hours, rules, automatic replies, what counts
// as a wish to be left alone, plans of assignment, and what agents can have. The file can be kept in a repository, reviewed,
// checked without an office, and applied to one or to many.
//
// The file has the shape of the API: it is read into the very structs that the API takes, by their YAML names, so that nothing is
// described twice. One thing differs. Ids mean something in one office only, so the file has names instead: of labels, teams,
// accounts and calendars, and the e-mail addresses of agents. Which fields those are is said where they are defined, by the tags
// `names` (the value is a reference) and `keys` (the keys of the map are); see references.go.
//
//   - A file is read (file.go, decode.go) with everything that is wrong found at once. What the domain's own checks complain of,
//     in terms of fields, is brought back to lines and columns (place.go, scalar.go).
//   - [Check] does so offline: what only an office can know is taken to be right.
//   - [Store] exports, checks against an office, and applies. Sections that the file does not have are left alone, and applying
//     what is so already changes nothing.
package blueprint
