package process

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// FindUser reads an image's user: names are looked up in its own files.
func FindUser(root, user string) (*syscall.Credential, error) {
	if user == "" {
		user = "0"
	}
	name, group, hasGroup := strings.Cut(user, ":")
	credential := &syscall.Credential{}
	uid, err := number(name)
	entry, lookupErr := findEntry(root, "etc/passwd", name, uid, err == nil)
	switch {
	case lookupErr != nil:
		return nil, lookupErr
	case err == nil:
		credential.Uid = uid
	case entry == nil:
		return nil, fmt.Errorf("unable to find user %s: no matching entries in passwd file", name)
	}
	if entry != nil {
		if credential.Uid, err = number(entry[2]); err != nil {
			return nil, fmt.Errorf("the passwd file's number for user %s: %w", name, err)
		}
		if gid, err := number(entry[3]); err == nil {
			credential.Gid = gid
		}
	}
	if !hasGroup {
		return credential, nil
	}
	gid, err := number(group)
	if err == nil {
		credential.Gid = gid
		return credential, nil
	}
	entry, lookupErr = findEntry(root, "etc/group", group, 0, false)
	if lookupErr != nil {
		return nil, lookupErr
	}
	if entry == nil {
		return nil, fmt.Errorf("unable to find group %s: no matching entries in group file", group)
	}
	if credential.Gid, err = number(entry[2]); err != nil {
		return nil, fmt.Errorf("the group file's number for group %s: %w", group, err)
	}
	return credential, nil
}

func number(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err
}

// findEntry finds a line of a passwd or group file by name, or by number.
func findEntry(root, file, name string, id uint32, byID bool) (entry []string, err error) {
	f, err := os.OpenInRoot(root, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 4 {
			continue
		}
		if fields[0] == name || byID && fields[2] == strconv.FormatUint(uint64(id), 10) {
			return fields, nil
		}
	}
	return nil, lines.Err()
}
