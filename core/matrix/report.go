package matrix

// Reserved is the bytes that tasks have reserved and not given back.
func (s *Space) Reserved() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reserved
}
