package deploy

import (
	"context"
	"encoding/json"
	"net/url"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"numpywren/core/cloud"
)

// statement is one of an IAM policy.
type statement struct {
	Effect    string                       `json:"Effect"`
	Action    []string                     `json:"Action"`
	Resource  []string                     `json:"Resource,omitempty"`
	Principal map[string]string            `json:"Principal,omitempty"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

type policy struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

const policyVersion = "2012-10-17"

// trust lets Lambda take the role.
var trust = policy{policyVersion, []statement{{
	Effect: "Allow", Action: []string{"sts:AssumeRole"}, Principal: map[string]string{"Service": "lambda.amazonaws.com"},
}}}

// rights are those that a worker needs, each on what it needs it for.
func (s *session) rights() policy {
	logs := s.arn("logs", s.region, s.account, "log-group:/aws/lambda/"+s.Function)
	list := statement{
		Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: []string{s.arn("s3", "", "", s.bucket)},
	}
	if s.prefix != "" {
		// IfExists: without this right for requests that have no prefix, S3 answers "forbidden" and not "there is none" for an
		// object that does not exist, and that is what a worker asks all the time.
		list.Condition = map[string]map[string]string{"StringLikeIfExists": {"s3:prefix": s.prefix + "/*"}}
	}
	return policy{policyVersion, []statement{
		{
			Effect:   "Allow",
			Action:   []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
			Resource: []string{s.arn("s3", "", "", s.bucket+"/"+s.key("*"))},
		},
		list,
		{
			Effect: "Allow",
			Action: []string{
				"sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
			},
			Resource: s.queueARNs(),
		},
		{
			Effect:   "Allow",
			Action:   []string{"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
			Resource: []string{logs, logs + ":*"},
		},
		{Effect: "Allow", Action: []string{"lambda:InvokeFunction"}, Resource: []string{s.functionARN()}},
	}}
}

func (s *session) functionARN() string {
	return s.arn("lambda", s.region, s.account, "function:"+s.Function)
}

// role is what the function may do.
type role struct {
	*session
	missing bool
}

func (r *role) look(ctx context.Context) (string, string, error) {
	_, err := r.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &r.Role})
	if missing(err) {
		r.missing = true
		return line(create, "role %s", r.Role)
	}
	if err != nil {
		return "", "", cloud.Explain(err, "role "+r.Role+": cannot look")
	}
	out, err := r.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &r.Role, PolicyName: aws.String(policyName)})
	if err != nil && !missing(err) {
		return "", "", cloud.Explain(err, "role "+r.Role+": cannot read its rights")
	}
	if err == nil && samePolicy(aws.ToString(out.PolicyDocument), r.rights()) {
		return line(keep, "role %s", r.Role)
	}
	return line(update, "role %s: its rights", r.Role)
}

// samePolicy compares with IAM's document, which is escaped as in a URL.
func samePolicy(document string, want policy) bool {
	text, err := url.QueryUnescape(document)
	if err != nil {
		return false
	}
	var have policy
	return json.Unmarshal([]byte(text), &have) == nil && reflect.DeepEqual(have, want)
}

func missing(err error) bool {
	code := cloud.Code(err)
	return code == "NoSuchEntity" || code == "ResourceNotFoundException"
}

func (r *role) apply(ctx context.Context) error {
	doing := "role " + r.Role + ": cannot "
	if r.missing {
		_, err := r.iam.CreateRole(ctx, &iam.CreateRoleInput{
			RoleName: &r.Role, AssumeRolePolicyDocument: aws.String(text(trust)), Description: aws.String("What the workers of numpywren's deployment " + r.Name + " may do"),
			Tags: []types.Tag{{Key: aws.String(tag), Value: &r.Name}},
		})
		if err != nil {
			return cloud.Explain(err, doing+"create it")
		}
	}
	_, err := r.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &r.Role, PolicyName: aws.String(policyName), PolicyDocument: aws.String(text(r.rights()))})
	return cloud.Explain(err, doing+"set its rights")
}

func text(p policy) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(p) // of strings
	return b.String()
}

// removeRole removes the role and its rights.
func (s *session) removeRole(ctx context.Context) (bool, error) {
	_, err := s.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &s.Role, PolicyName: aws.String(policyName)})
	if err != nil && !missing(err) {
		return false, cloud.Explain(err, "role "+s.Role+": cannot delete its rights")
	}
	_, err = s.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &s.Role})
	if missing(err) {
		return false, nil
	}
	return err == nil, cloud.Explain(err, "role "+s.Role+": cannot delete it")
}
