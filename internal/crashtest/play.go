package crashtest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// stdout is the descriptor a run speaks on.
const stdout = 1

func (p *play) openFile(c syscall) error {
	at := 0
	if c.name == "openat" {
		at = 1
	}
	path, err := p.path(c, at)
	if err != nil || path == "" {
		return err
	}
	flags := ""
	if c.name == "creat" {
		flags = "O_CREAT|O_TRUNC"
	} else if at+1 < len(c.args) {
		flags = c.args[at+1]
	}
	if slices.Contains(p.dirs, path) {
		p.open[c.result] = &description{dir: path, file: -1}
		return nil
	}
	if !p.inside(path) {
		return nil
	}
	file, known := p.names[path]
	if !known {
		if !strings.Contains(flags, "O_CREAT") {
			return fmt.Errorf("%s was there before the run", path)
		}
		file = p.files
		p.files++
		p.sizes = append(p.sizes, 0)
		p.names[path] = file
		p.add(c, Op{Kind: Name, File: file, Path: path})
	}
	p.open[c.result] = &description{file: file, append: strings.Contains(flags, "O_APPEND")}
	if known && strings.Contains(flags, "O_TRUNC") {
		p.sizes[file] = 0
		p.add(c, Op{Kind: Truncate, File: file})
	}
	return nil
}

// path reads a path that is argument i. One that is relative to a directory of
// ours is not followed; one relative to another cannot be ours, "" is returned.
func (p *play) path(c syscall, i int) (string, error) {
	text, err := c.text(i)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(string(text)) {
		if i > 0 && p.of(c, i-1) != nil {
			return "", fmt.Errorf("%w: the path %q is relative to a directory of the run", errUnplayed, text)
		}
		return "", nil
	}
	return filepath.Clean(string(text)), nil
}

func (p *play) dup(c syscall) error {
	if d := p.of(c, 0); d != nil {
		p.open[c.result] = d
	} else {
		delete(p.open, c.result)
	}
	return nil
}

// content plays what is done to a file that is open.
func (p *play) content(c syscall, cut bool) error {
	if c.result < 0 && !cut {
		return nil
	}
	fd, err := c.number(0)
	if err != nil {
		return err
	}
	d := p.open[fd]
	if d == nil {
		if c.name == "write" && fd == stdout {
			data, err := c.text(1)
			if err != nil {
				return err
			}
			p.add(c, Op{Kind: Say, Data: data})
		}
		return nil
	}
	if d.dir != "" {
		p.add(c, Op{Kind: SyncDir, Path: d.dir})
		return nil
	}
	switch c.name {
	case "fsync", "fdatasync":
		p.add(c, Op{Kind: Sync, File: d.file})
		return nil
	case "ftruncate":
		size, err := c.number(1)
		if err != nil {
			return err
		}
		p.sizes[d.file] = size
		p.add(c, Op{Kind: Truncate, File: d.file, Offset: size})
		return nil
	}
	data, err := c.text(1)
	if err != nil {
		return err
	}
	if !cut {
		data = data[:c.result]
	}
	offset := d.position
	switch {
	case c.name == "pwrite64":
		if offset, err = c.number(3); err != nil {
			return err
		}
	case d.append:
		offset = p.sizes[d.file]
		fallthrough
	default:
		d.position = offset + int64(len(data))
	}
	p.sizes[d.file] = max(p.sizes[d.file], offset+int64(len(data)))
	p.add(c, Op{Kind: Write, File: d.file, Offset: offset, Data: data})
	return nil
}

// name plays a rename or a link.
func (p *play) name(c syscall) error {
	i, j := 0, 1
	if strings.Contains(c.name, "at") {
		i, j = 1, 3
	}
	from, err := p.path(c, i)
	if err != nil {
		return err
	}
	to, err := p.path(c, j)
	if err != nil {
		return err
	}
	file, known := p.names[from]
	if !known && !p.inside(to) {
		return nil
	}
	if !known || !p.inside(to) || strings.Contains(strings.Join(c.args[j:], " "), "RENAME_") {
		return fmt.Errorf("%w: from %s to %s", errUnplayed, from, to)
	}
	op := Op{Kind: Name, File: file, Path: to}
	if strings.HasPrefix(c.name, "rename") {
		if filepath.Dir(from) != filepath.Dir(to) {
			return fmt.Errorf("%w: from one directory to another", errUnplayed)
		}
		op.From = from
		delete(p.names, from)
	}
	p.names[to] = file
	p.add(c, op)
	return nil
}

func (p *play) unname(c syscall) error {
	i := 0
	if c.name == "unlinkat" {
		i = 1
	}
	path, err := p.path(c, i)
	if err != nil {
		return err
	}
	if _, known := p.names[path]; known {
		delete(p.names, path)
		p.add(c, Op{Kind: Unname, Path: path})
	}
	return nil
}
