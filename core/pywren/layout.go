package pywren

// Where calls lie in a store, for who cleans up there.
const (
	CallsRoot  = calls
	ResultName = "result" // of a call, below its id
)
