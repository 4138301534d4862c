package matrix

// lru is a list of entries, the one that was used longest ago first.
type lru struct{ oldest, newest *entry }

func (l *lru) push(e *entry) {
	e.inLRU = true
	e.older, e.newer = l.newest, nil
	if l.newest != nil {
		l.newest.newer = e
	} else {
		l.oldest = e
	}
	l.newest = e
}

func (l *lru) remove(e *entry) {
	if !e.inLRU {
		return
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		l.oldest = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		l.newest = e.older
	}
	e.older, e.newer, e.inLRU = nil, nil, false
}
