// Mercure as a library: one topic for each symbol, ticks published in the process, subscribers over server-sent events.
// Its settings are its defaults, its transport the one without a database.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/dunglas/mercure"

	"tickcast/peers/ticks"
)

func main() {
	version := flag.Bool("version", false, "say which version of the library this is")
	flag.Parse()
	if *version {
		ticks.Version("github.com/dunglas/mercure")
		return
	}
	ctx := context.Background()
	hub, err := mercure.NewHub(ctx, mercure.WithAnonymous())
	if err != nil {
		log.Fatal(err)
	}
	ticks.Serve(hub, func(symbol string, line []byte) {
		update := &mercure.Update{Topics: []string{symbol}, Event: mercure.Event{Data: string(line)}}
		if err := hub.Publish(ctx, update); err != nil {
			log.Print(err)
		}
	})
}
