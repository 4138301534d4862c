package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/s3"
)

// fake speaks as much of S3's protocol as the driver asks for, and fails as a test scripts it: for what real servers do not do
// when asked. It is held to the conformance suite itself.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	objects map[string][]byte
	uploads map[string]map[int][]byte
	script  map[string][]http.HandlerFunc // by operation: what answers the next requests; nil lets one pass
	seen    []string
	born    time.Time // what it says that all objects were written at
}

func newFake(t *testing.T) *fake {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "us-east-1")
	f := &fake{objects: map[string][]byte{}, uploads: map[string]map[int][]byte{}, script: map[string][]http.HandlerFunc{}, born: time.Now().UTC()}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) driver(t *testing.T) blob.Driver {
	t.Helper()
	d, err := s3.Driver(ctx, "s3://bucket/prefix", s3.Options{Endpoint: f.URL})
	require.NoError(t, err)
	return d
}

func (f *fake) store(t *testing.T) *blob.Store {
	t.Helper()
	return blob.New(f.driver(t))
}

// fails scripts the answers to the next requests of an operation.
func (f *fake) fails(operation string, answers ...http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script[operation] = append(f.script[operation], answers...)
}

// requests tells how often an operation was asked for.
func (f *fake) requests(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, seen := range f.seen {
		if seen == operation {
			n++
		}
	}
	return n
}

func answer(status int, code, more string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, more)
	}
}

// reset breaks the connection instead of an answer.
func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func operation(r *http.Request) string {
	q := r.URL.Query()
	switch r.Method + " " + strconv.FormatBool(strings.Count(r.URL.Path, "/") > 2) {
	case "GET false":
		return "ListObjectsV2"
	case "GET true":
		return "GetObject"
	case "HEAD true":
		return "HeadObject"
	case "PUT true":
		if q.Has("partNumber") {
			return "UploadPart"
		}
		return "PutObject"
	case "POST true":
		if q.Has("uploads") {
			return "CreateMultipartUpload"
		}
		return "CompleteMultipartUpload"
	case "DELETE true":
		if q.Has("uploadId") {
			return "AbortMultipartUpload"
		}
		return "DeleteObject"
	}
	return "DeleteObjects"
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op := operation(r)
	content, _ := io.ReadAll(r.Body) // an answer that comes before may be lost
	r.Body = io.NopCloser(bytes.NewReader(content))
	f.mu.Lock()
	f.seen = append(f.seen, op)
	var scripted http.HandlerFunc
	if list := f.script[op]; len(list) > 0 {
		scripted, f.script[op] = list[0], list[1:]
	}
	f.mu.Unlock()
	if scripted != nil {
		scripted(w, r)
		return
	}
	f.serve(op, w, r)
}

func (f *fake) serve(op string, w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key := strings.TrimPrefix(r.URL.Path, "/bucket/")
	if op == "GetObject" || op == "HeadObject" {
		f.get(w, r, key)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := r.URL.Query().Get("uploadId")
	switch op {
	case "PutObject":
		f.put(w, r, key, body)
	case "CreateMultipartUpload":
		id = strconv.Itoa(len(f.uploads) + 1)
		f.uploads[id] = map[int][]byte{}
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case "UploadPart":
		if r.Header.Get("X-Amz-Checksum-Crc32c") != sum(body) {
			answer(400, "BadDigest", "")(w, r)
			return
		}
		if f.uploads[id] == nil {
			answer(404, "NoSuchUpload", "")(w, r)
			return
		}
		number, _ := strconv.Atoi(r.URL.Query().Get("partNumber"))
		f.uploads[id][number] = body
		w.Header().Set("ETag", etag(body))
	case "CompleteMultipartUpload":
		f.complete(w, r, key, id)
	case "AbortMultipartUpload":
		delete(f.uploads, id)
		w.WriteHeader(204)
	case "DeleteObject":
		delete(f.objects, key)
		w.WriteHeader(204)
	case "DeleteObjects":
		for _, field := range strings.Split(string(body), "<Key>")[1:] {
			delete(f.objects, field[:strings.Index(field, "</Key>")])
		}
		fmt.Fprint(w, "<DeleteResult/>")
	case "ListObjectsV2":
		f.list(w, r)
	}
}

func sum(p []byte) string {
	crc := crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
}

func etag(p []byte) string { return fmt.Sprintf("%q", fmt.Sprintf("%x", md5.Sum(p))) }

func (f *fake) get(w http.ResponseWriter, r *http.Request, key string) {
	f.mu.Lock()
	p, ok := f.objects[key]
	f.mu.Unlock() // a reader may take its time
	if !ok {
		answer(404, "NoSuchKey", "")(w, r)
		return
	}
	if match := r.Header.Get("If-Match"); match != "" && match != etag(p) {
		answer(412, "PreconditionFailed", "")(w, r)
		return
	}
	w.Header().Set("ETag", etag(p))
	w.Header().Set("Last-Modified", f.born.Format(http.TimeFormat))
	lo, hi := 0, len(p)-1
	if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &lo, &hi); n == 2 {
		if lo >= len(p) {
			answer(416, "InvalidRange", "")(w, r)
			return
		}
		hi = min(hi, len(p)-1)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", lo, hi, len(p)))
		w.Header().Set("Content-Length", strconv.Itoa(hi-lo+1))
		w.WriteHeader(206)
	} else {
		w.Header().Set("Content-Length", strconv.Itoa(len(p)))
		w.Header().Set("X-Amz-Checksum-Crc32c", sum(p))
		w.Header().Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write(p[lo : hi+1])
	}
}

func (f *fake) put(w http.ResponseWriter, r *http.Request, key string, p []byte) {
	switch _, exists := f.objects[key]; {
	case r.Header.Get("If-None-Match") == "*" && exists:
		answer(412, "PreconditionFailed", "")(w, r)
	case r.Header.Get("X-Amz-Checksum-Crc32c") != sum(p):
		answer(400, "BadDigest", "")(w, r)
	default:
		f.objects[key] = p
		w.Header().Set("ETag", etag(p))
	}
}

func (f *fake) complete(w http.ResponseWriter, r *http.Request, key, id string) {
	parts, ok := f.uploads[id]
	if !ok {
		answer(404, "NoSuchUpload", "")(w, r)
		return
	}
	if _, exists := f.objects[key]; exists && r.Header.Get("If-None-Match") == "*" {
		answer(412, "PreconditionFailed", "")(w, r)
		return
	}
	var p []byte
	for number := 1; number <= len(parts); number++ {
		p = append(p, parts[number]...)
	}
	if r.Header.Get("X-Amz-Checksum-Crc32c") != sum(p) {
		answer(400, "BadDigest", "")(w, r)
		return
	}
	delete(f.uploads, id)
	f.objects[key] = p
	fmt.Fprintf(w, "<CompleteMultipartUploadResult><ETag>%s</ETag></CompleteMultipartUploadResult>", etag(p))
}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var keys []string // of objects, and those of folders, with a slash at the end, when these are asked for
	for key := range f.objects {
		rest, ok := strings.CutPrefix(key, q.Get("prefix"))
		if name, _, inside := strings.Cut(rest, "/"); inside && q.Get("delimiter") == "/" {
			key = q.Get("prefix") + name + "/"
		}
		if ok && key > q.Get("continuation-token") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	more := len(keys) > 1000
	fmt.Fprintf(w, "<ListBucketResult><IsTruncated>%v</IsTruncated>", more)
	if more {
		keys = keys[:1000]
		fmt.Fprintf(w, "<NextContinuationToken>%s</NextContinuationToken>", keys[999])
	}
	for _, key := range keys {
		if strings.HasSuffix(key, "/") {
			fmt.Fprintf(w, "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>", strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(key))
			continue
		}
		p := f.objects[key]
		fmt.Fprintf(w, "<Contents><Key>%s</Key><Size>%d</Size><ETag>%s</ETag><LastModified>%s</LastModified></Contents>",
			strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(key), len(p), etag(p), f.born.Format(time.RFC3339))
	}
	fmt.Fprint(w, "</ListBucketResult>")
}
