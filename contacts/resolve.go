package contacts

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// ErrRace says that another transaction made or merged the same contact at the same time: repeat the transaction, it will
// see it.
var ErrRace = errors.New("contact made or merged by another transaction")

// Sighting is a person seen in an update of a provider.
type Sighting struct {
	Channel conversation.Channel
	Person  conversation.Person
	At      time.Time // the provider's time
	// Replaced are identities that the person gave up at that time for those in Person. What was written from them before
	// is still theirs; whoever writes from them later is somebody else.
	Replaced []conversation.Identity
	// OnlyKnown leaves unknown persons alone: a receipt makes no contact. It tells whom we wrote to, not who wrote: an
	// identity that was given up is not taken up again by it, nor taken from somebody else.
	OnlyKnown bool
	// ChangesConsent says that the caller is about to call ChangeConsent for the contact.
	ChangesConsent bool
}

// Merge says that two contacts proved to be one person.
type Merge struct{ Survivor, Loser string }

// Resolution is the outcome of Resolve.
type Resolution struct {
	Contacts []string // per sighting; empty where OnlyKnown found nobody
	Merges   []Merge  // in order; the conversations are the caller's to merge
}

// Resolve finds or makes the contact of each sighting in a constant number of statements, keeps names and addresses up to
// date, and merges contacts that prove to be one. It locks the contacts that it finds and those that the caller is about
// to change, all in the order of their ids, so it must come before any conversation is locked: none of them can be merged
// away until the transaction ends. It returns ErrRace if the transaction must be repeated; in a transaction of
// postgres.InPipeline a later statement may.
func Resolve(ctx context.Context, tx bun.Tx, sightings []Sighting, now time.Time, changing ...string) (Resolution, error) {
	b, err := openBook(ctx, tx, sightings)
	if err != nil {
		return Resolution{}, err
	}
	b.now, b.changing, b.exclusive = now, changing, len(changing) > 0
	res := Resolution{Contacts: make([]string, len(sightings))}
	for i, s := range sightings {
		res.Contacts[i] = b.resolve(s)
	}
	// An early sighting may be of a contact that a later one merged away.
	for i, id := range res.Contacts {
		res.Contacts[i] = b.current(id)
	}
	res.Merges = b.merges
	return res, b.save(ctx, tx)
}

// identityKey is what identities are unique by.
type identityKey struct {
	channel conversation.Channel
	kind    conversation.IdentityKind
	key     string
}

type identity struct {
	contact    string
	address    string
	ownedSince time.Time
	retiredAt  time.Time
	isNew      bool
	changed    bool
}

type contact struct {
	id        string
	name      string
	namedAt   time.Time
	phone     string
	phoneRead string // as the database had it
	createdAt time.Time
	isNew     bool
	changed   bool
}

// book is what Resolve knows while it works: the identities that occur and their contacts.
type book struct {
	now        time.Time
	identities map[identityKey]*identity
	contacts   map[string]*contact
	aliases    map[string]string // merged contact → survivor
	merges     []Merge
	changing   []string // contacts to be locked as well
	exclusive  bool     // the locks must keep out others who change the contacts
}

func (b *book) resolve(s Sighting) string {
	owners := b.owners(s)
	if len(owners) == 0 {
		if s.OnlyKnown {
			return ""
		}
		c := &contact{id: postgres.NewID(), createdAt: b.now, isNew: true}
		b.contacts[c.id] = c
		owners = []string{c.id}
	}
	survivor := b.oldest(owners)
	for _, loser := range owners {
		if loser != survivor {
			b.merge(survivor, loser)
		}
	}
	b.attach(survivor, s)
	b.describe(survivor, s)
	b.exclusive = b.exclusive || s.ChangesConsent
	return survivor
}

// owners returns the contacts to which the person's matching identities belong at the time of the sighting.
func (b *book) owners(s Sighting) []string {
	var owners []string
	add := func(known *identity) {
		if owner := b.current(known.contact); !slices.Contains(owners, owner) {
			owners = append(owners, owner)
		}
	}
	for i, id := range slices.Concat(s.Person.Identities, s.Replaced) {
		known := b.identities[identityKey{s.Channel, id.Kind, id.Key}]
		if !id.Kind.Matches() || known == nil || known.reused(s.At) {
			continue
		}
		// Somebody else may have got the identity since; an old report must not make two persons one.
		wrote := !s.OnlyKnown && i < len(s.Person.Identities)
		if wrote || !known.ownedSince.After(s.At) {
			add(known)
		}
	}
	return owners
}

// reused reports whether the identity, seen at t, was given up before and so belongs to somebody new.
func (id *identity) reused(t time.Time) bool {
	return !id.retiredAt.IsZero() && t.After(id.retiredAt)
}

func (b *book) oldest(ids []string) string {
	return slices.MinFunc(ids, func(x, y string) int {
		if d := b.contacts[x].createdAt.Compare(b.contacts[y].createdAt); d != 0 {
			return d
		}
		if x < y {
			return -1
		}
		return 1
	})
}

func (b *book) merge(survivor, loser string) {
	b.aliases[loser] = survivor
	b.merges = append(b.merges, Merge{survivor, loser})
	s, l := b.contacts[survivor], b.contacts[loser]
	if l.namedAt.After(s.namedAt) {
		s.name, s.namedAt, s.changed = l.name, l.namedAt, true
	}
	if s.phone == "" && l.phone != "" {
		s.phone, s.changed = l.phone, true
	}
}

// current follows merges to the contact that goes on.
func (b *book) current(id string) string {
	for {
		next, ok := b.aliases[id]
		if !ok {
			return id
		}
		id = next
	}
}

// attach gives the person's identities to the contact and takes away those that were replaced.
func (b *book) attach(owner string, s Sighting) {
	for _, id := range s.Person.Identities {
		k := identityKey{s.Channel, id.Kind, id.Key}
		known := b.identities[k]
		switch {
		case known == nil:
			b.identities[k] = &identity{contact: owner, address: id.Address, ownedSince: s.At, isNew: true}
		case s.OnlyKnown && (known.reused(s.At) || b.current(known.contact) != owner):
			// not theirs any more
		case b.current(known.contact) != owner && !id.Kind.Matches() && s.At.Before(known.ownedSince):
			// a username that somebody else has had since
		case known.reused(s.At) || b.current(known.contact) != owner:
			known.contact, known.address, known.ownedSince, known.retiredAt, known.changed = owner, id.Address, s.At, time.Time{}, true
		case known.address != id.Address && known.retiredAt.IsZero():
			known.address, known.changed = id.Address, true
		}
	}
	for _, id := range s.Replaced {
		k := identityKey{s.Channel, id.Kind, id.Key}
		known := b.identities[k]
		switch {
		case known == nil:
			b.identities[k] = &identity{contact: owner, address: id.Address, ownedSince: s.At, retiredAt: s.At, isNew: true}
		case b.current(known.contact) == owner && known.retiredAt.IsZero() && !known.ownedSince.After(s.At):
			known.retiredAt, known.changed = s.At, true
		}
	}
}

// describe takes over the name if this sighting is the newest that had one, and the phone if none was known or the person
// moved away from it.
func (b *book) describe(owner string, s Sighting) {
	c := b.contacts[owner]
	if s.Person.Name != "" && s.Person.Name != c.name && s.At.After(c.namedAt) {
		c.name, c.namedAt, c.changed = s.Person.Name, s.At, true
	}
	if s.Person.Phone != "" && s.Person.Phone != c.phone && (c.phone == "" || gaveUp(s, c.phone)) {
		c.phone, c.changed = s.Person.Phone, true
	}
}

// gaveUp reports whether the person replaced the identity that has this phone number.
func gaveUp(s Sighting, phone string) bool {
	return slices.ContainsFunc(s.Replaced, func(id conversation.Identity) bool { return "+"+id.Key == phone || "+"+id.Address == phone })
}
