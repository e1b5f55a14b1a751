package devstack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// identity is the user as whom PostgreSQL runs when we are root, which it refuses to be.
type identity struct {
	name     string
	uid, gid uint32
	shutOut  bool // may not enter the folder on its own
}

// postgresIdentity returns nil when PostgreSQL can run as ourselves. As root it is the owner of an existing cluster, or
// the system's postgres user, or nobody.
func postgresIdentity(cluster string) (*identity, error) {
	owner, exists, err := ownerOf(cluster)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		if exists && owner.uid != uint32(os.Geteuid()) {
			return nil, fmt.Errorf("%s belongs to user id %d, not to you: start as that user, or remove it (make reset)", cluster, owner.uid)
		}
		return nil, nil
	}
	id := owner
	if !exists || owner.uid == 0 {
		if id, err = systemUser("postgres", "nobody"); err != nil {
			return nil, err
		}
	}
	id.shutOut, err = shutOut(filepath.Dir(cluster), id)
	if err != nil {
		return nil, err
	}
	return &id, nil
}

func ownerOf(path string) (identity, bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return identity{}, false, nil
	}
	if err != nil {
		return identity{}, false, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false, fmt.Errorf("owner of %s is not known on this system", path)
	}
	return identity{name: strconv.Itoa(int(st.Uid)), uid: st.Uid, gid: st.Gid}, true, nil
}

func systemUser(names ...string) (identity, error) {
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue // the next name
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return identity{}, fmt.Errorf("user %s: %w", name, err)
		}
		return identity{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return identity{}, fmt.Errorf("PostgreSQL does not run as root, and this machine has no user %v to run it as", names)
}

// shutOut tells whether a parent of the folder keeps the user from entering it.
func shutOut(folder string, id identity) (bool, error) {
	for dir := folder; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return false, err
		}
		owner, _, err := ownerOf(dir)
		if err != nil {
			return false, err
		}
		enter := fs.FileMode(0o001)
		switch {
		case owner.uid == id.uid:
			enter = 0o100
		case owner.gid == id.gid:
			enter = 0o010
		}
		if info.Mode()&enter == 0 {
			return true, nil
		}
		if dir == filepath.Dir(dir) {
			return false, nil
		}
	}
}
