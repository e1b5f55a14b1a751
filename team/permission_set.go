package team

import "maps"

// PermissionSet is what a role, a token or a principal may do. The zero value may do nothing.
type PermissionSet map[Permission]bool

// SetOf returns the set of the permissions in the list.
func SetOf(list []Permission) PermissionSet {
	set := make(PermissionSet, len(list))
	for _, p := range list {
		set[p] = true
	}
	return set
}

// List returns the permissions of the set in a stable order.
func (s PermissionSet) List() []Permission { return s.keep(func(p Permission) bool { return s[p] }) }

// Missing returns what is wanted and not in the set, in a stable order.
func (s PermissionSet) Missing(wanted PermissionSet) []Permission {
	return s.keep(func(p Permission) bool { return wanted[p] && !s[p] })
}

// With returns what is in both sets.
func (s PermissionSet) With(other PermissionSet) PermissionSet {
	return SetOf(s.keep(func(p Permission) bool { return s[p] && other[p] }))
}

// without returns the set without one permission.
func (s PermissionSet) without(p Permission) PermissionSet {
	rest := maps.Clone(s)
	delete(rest, p)
	return rest
}

func (PermissionSet) keep(wanted func(Permission) bool) []Permission {
	list := []Permission{}
	for _, p := range ofAdmins {
		if wanted(p) {
			list = append(list, p)
		}
	}
	return list
}
