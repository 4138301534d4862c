package sqs

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"numpywren/core/queue"
)

// TestWire: what is encoded is decoded, and is something that SQS takes; a message comes the same by Lambda's event.
func TestWire(t *testing.T) {
	for _, body := range []string{"a", "", "=", "YQ==", "\x00\xff", "é\uffff", "\uFFFD", "line\n\t\r", "\x01"} {
		for _, attributes := range []map[string]string{nil, {"job": "1"}, {"": "x", "a&b=c": "\x00\xff", "empty": ""}} {
			want := queue.Message{Body: body, Priority: -1 << 63, Attributes: attributes}
			w := encode(&want)
			assert.True(t, plain(w.body), "%q", w.body)
			assert.True(t, w.ours == "" || plain(w.ours))
			event := Event{Body: w.body, Receipt: "r", Source: "arn:aws:sqs:us-east-1:1:jobs-a-2", Attempt: 3, Attributes: map[string]string{
				attrPriority: "-9223372036854775808", attrOurs: w.ours,
			}}
			if w.base64 {
				event.Attributes[attrEncoding] = "base64"
			}
			got, err := event.Delivery()
			require.NoError(t, err)
			assert.Equal(t, queue.Delivery{Message: want, Attempt: 3, Receipt: queue.Receipt{Num: 2, Text: "r"}}, got)
		}
	}
	for _, source := range []string{"", "arn:aws:sqs:us-east-1:1:jobs-dead", "arn:aws:sqs:us-east-1:1:jobs-3"} {
		_, err := Event{Source: source}.Delivery()
		require.ErrorContains(t, err, "no queue of a deployment", source)
	}
	for _, bad := range []map[string]string{{attrEncoding: "base64"}, {attrPriority: "x"}, {attrOurs: "%zz"}} {
		_, err := decode("*", func(name string) string { return bad[name] })
		require.Error(t, err)
	}
}
