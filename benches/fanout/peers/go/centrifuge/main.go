// The engine of Centrifugo as a library: one channel for each symbol, ticks published in the process, clients over
// WebSocket in its JSON protocol. Its settings are its defaults; with -write-delay it collects what a connection is to
// get for so long, and a frame has no limit: its documented lever where a connection gets many messages.
package main

import (
	"context"
	"flag"
	"log"
	"time"

	"github.com/centrifugal/centrifuge"

	"tickcast/peers/ticks"
)

// All of them, in one frame.
const noLimit = -1

func main() {
	writeDelay := flag.Duration("write-delay", 0, "how long messages are collected for a frame")
	version := flag.Bool("version", false, "say which version of the library this is")
	flag.Parse()
	if *version {
		ticks.Version("github.com/centrifugal/centrifuge")
		return
	}
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		// Whoever comes is let in.
		return reply(*writeDelay), nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			answer(centrifuge.SubscribeReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	ticks.Serve(centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}), func(symbol string, line []byte) {
		if _, err := node.Publish(symbol, line); err != nil {
			log.Print(err)
		}
	})
}

func reply(writeDelay time.Duration) centrifuge.ConnectReply {
	reply := centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}
	if writeDelay > 0 {
		reply.WriteDelay = writeDelay
		reply.MaxMessagesInFrame = noLimit
	}
	return reply
}
