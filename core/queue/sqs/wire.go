package sqs

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"numpywren/core/errs"
	"numpywren/core/queue"
)

// How a message looks in SQS: the body as it is, unless it has characters that SQS refuses or is empty; then in base64, and an
// attribute says so. SQS bounds the number, the names and the characters of attributes, so ours travel in one, as in a URL.
const (
	attrPriority = "priority"   // a decimal number
	attrOurs     = "attributes" // a=1&b=2
	attrEncoding = "encoding"   // "base64", or absent
)

// maxBytes is SQS's bound for a message with its attributes' names, types and values, and for a batch.
const maxBytes = 1 << 20

// overhead is what a message has besides the body and our attributes: names, types, a priority.
const overhead = 200

type wireMessage struct {
	body     string
	priority int64
	ours     string
	base64   bool
	delay    int32 // seconds
}

func encode(m *queue.Message) wireMessage {
	w := wireMessage{body: m.Body, priority: m.Priority}
	if !plain(m.Body) {
		w.body, w.base64 = base64.StdEncoding.EncodeToString([]byte(m.Body)), true
		if m.Body == "" {
			w.body = "="
		}
	}
	if len(m.Attributes) > 0 {
		values := make(url.Values, len(m.Attributes))
		for k, v := range m.Attributes {
			values.Set(k, v)
		}
		w.ours = values.Encode()
	}
	return w
}

func (w *wireMessage) size() int { return len(w.body) + len(w.ours) + overhead }

// plain says whether SQS takes the text as a body.
func plain(s string) bool {
	if s == "" || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	})
}

// decode is the inverse of encode; attribute gives a message attribute's value, or "".
func decode(body string, attribute func(name string) string) (queue.Message, error) {
	m := queue.Message{Body: body}
	if attribute(attrEncoding) == "base64" {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(body, "="))
		if err != nil {
			return m, errs.New(errs.Value, "queue: a message's body is not the base64 that its attribute says: %.40q", body)
		}
		m.Body = string(raw)
	}
	if text := attribute(attrPriority); text != "" {
		p, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return m, errs.New(errs.Value, "queue: a message's priority is %q, not a number", text)
		}
		m.Priority = p
	}
	if text := attribute(attrOurs); text != "" {
		values, err := url.ParseQuery(text)
		if err != nil {
			return m, errs.New(errs.Value, "queue: a message's attributes are %q: %w", text, err)
		}
		m.Attributes = make(map[string]string, len(values))
		for k, v := range values {
			m.Attributes[k] = v[0]
		}
	}
	return m, nil
}

// Event is a message as Lambda's event source hands it to a function: what aws-lambda-go calls an SQSMessage.
type Event struct {
	Body       string
	Receipt    string // ReceiptHandle
	Source     string // EventSourceARN
	Attempt    int    // the attribute ApproximateReceiveCount
	Attributes map[string]string
}

// Delivery makes of an event what Receive would have given; Extend, Ack and Nack on the queue take its receipt. Its lease is the
// queue's visibility time-out, not Options.Lease: Extend makes it that.
func (e Event) Delivery() (queue.Delivery, error) {
	name := e.Source[strings.LastIndexByte(e.Source, ':')+1:]
	band, err := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
	if err != nil || band < 0 || band >= Bands {
		return queue.Delivery{}, errs.New(errs.Value, "queue: an event from %q, which is no queue of a deployment", e.Source)
	}
	m, err := decode(e.Body, func(name string) string { return e.Attributes[name] })
	if err != nil {
		return queue.Delivery{}, err
	}
	return queue.Delivery{Message: m, Attempt: e.Attempt, Receipt: queue.Receipt{Num: uint64(band), Text: e.Receipt}}, nil
}
