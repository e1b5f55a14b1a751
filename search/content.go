package search

import "guichet.dev/guichet/conversation"

// texts returns what of a message's content can be searched, each text once: what is shown of it, file names, the words on
// buttons, places and cards.
func texts(c conversation.Content) []string {
	var list []string
	seen := map[string]bool{"": true}
	add := func(texts ...string) {
		for _, t := range texts {
			if !seen[t] {
				seen[t] = true
				list = append(list, t)
			}
		}
	}
	add(c.Text)
	if c.Choice != nil {
		add(c.Choice.Title, c.Choice.Description)
	}
	for _, m := range c.Media {
		add(m.FileName)
	}
	if c.Location != nil {
		add(c.Location.Name, c.Location.Address)
	}
	for _, card := range c.Contacts {
		add(card.Name, card.Organisation)
		add(card.Phones...)
		add(card.Emails...)
	}
	return list
}
