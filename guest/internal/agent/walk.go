package agent

import (
	"bufio"
	"context"
	"encoding/json"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/rpc"
	"sandkeep.dev/guest/internal/walk"
)

func registerWalks(r *rpc.Registry) {
	rpc.Stream(r, "walk", func(x *rpc.Exchange, p contract.WalkParams) error {
		return lines(x, func(ctx context.Context, visit walk.Visit) error { return walk.Walk(ctx, p, visit) })
	})
	rpc.Stream(r, "expandGlob", func(x *rpc.Exchange, p contract.GlobParams) error {
		return lines(x, func(ctx context.Context, visit walk.Visit) error { return walk.ExpandGlob(ctx, p, visit) })
	})
}

// lineBuffer groups entries, of which there may be a million, into writes of a reasonable size.
const lineBuffer = 16 * 1024

// lines sends one entry per line. The head waits for the first entry, so that an earlier error can be the outcome; a
// later error is the last line.
func lines(x *rpc.Exchange, run func(context.Context, walk.Visit) error) error {
	out := bufio.NewWriterSize(x, lineBuffer)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		return x.Head(nil)
	}
	err := run(x.Context(), func(entry contract.WalkEntry) error {
		if err := begin(); err != nil {
			return err
		}
		return encoder.Encode(entry)
	})
	if x.Context().Err() != nil {
		return x.Context().Err()
	}
	if err != nil {
		if !begun {
			return err
		}
		if err := encoder.Encode(map[string]*fault.Fault{"error": fault.From(err)}); err != nil {
			return err
		}
	}
	if err := begin(); err != nil {
		return err
	}
	return out.Flush()
}
