package simulate

import "fmt"

func encode(t Task) string { return fmt.Sprint(t.Stmt, t.I) }

func decode(s string) (t Task, err error) {
	_, err = fmt.Sscanf(s, "%d [%d %d %d %d %d %d]", &t.Stmt, &t.I[0], &t.I[1], &t.I[2], &t.I[3], &t.I[4], &t.I[5])
	return t, err
}
