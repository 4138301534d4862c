package deploy

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRights: nothing on everything, and nothing but what a worker does.
func TestRights(t *testing.T) {
	d, err := Deployment{Name: "jobs", Storage: "s3://data/some/where/"}.filled()
	require.NoError(t, err)
	s := &session{Deployment: d, region: "eu-west-1", account: "123456789012", partition: "aws"}
	actions := map[string][]string{}
	for _, st := range s.rights().Statement {
		for _, r := range st.Resource {
			assert.NotEqual(t, "*", r)
			assert.True(t, strings.HasPrefix(r, "arn:aws:"), r)
			actions[r] = append(actions[r], st.Action...)
		}
		for _, a := range st.Action {
			assert.NotContains(t, a, "*")
		}
	}
	assert.Contains(t, actions["arn:aws:s3:::data/some/where/*"], "s3:PutObject")
	assert.Equal(t, []string{"s3:ListBucket"}, actions["arn:aws:s3:::data"])
	assert.Contains(t, actions["arn:aws:sqs:eu-west-1:123456789012:jobs-0"], "sqs:ReceiveMessage")
	assert.Contains(t, actions["arn:aws:sqs:eu-west-1:123456789012:jobs-dead"], "sqs:ReceiveMessage")
	assert.Equal(t, []string{"lambda:InvokeFunction"}, actions["arn:aws:lambda:eu-west-1:123456789012:function:jobs"])
	assert.True(t, samePolicy(url.QueryEscape(text(s.rights())), s.rights()))
	assert.False(t, samePolicy(url.QueryEscape(text(trust)), s.rights()))
}
