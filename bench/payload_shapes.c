#include "payload_shapes.h"

static const struct shape_row shapes[] = {
    {"plain message", "<message from='juliet@%f/balcony' to='romeo@%t' type='chat' id='%i'><body>%b</body></message>"},
    {"message",
        "<message from='juliet@%f/Gajim.7K2Q9X' to='romeo@%t' type='chat' id='%i'><body>See you at nine, I'll bring "
        "the "
        "rest</body><active xmlns='http://jabber.org/protocol/chatstates'/><request "
        "xmlns='urn:xmpp:receipts'/><markable "
        "xmlns='urn:xmpp:chat-markers:0'/><origin-id xmlns='urn:xmpp:sid:0' id='5f0c7c52-e5a1-4c6f'/></message>"},
    {"composing", "<message from='juliet@%f/Gajim.7K2Q9X' to='romeo@%t/phone' type='chat' id='%i'><composing "
                  "xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/></message>"},
    {"receipt", "<message to='romeo@%t/Gajim.3F00A1' from='juliet@%f/phone' type='chat' id='%i'><received "
                "xmlns='urn:xmpp:receipts' id='9b1ee7a4-e5a1-4c6f'/><store xmlns='urn:xmpp:hints'/></message>"},
    {"presence", "<presence from='juliet@%f/Gajim.7K2Q9X' to='romeo@%t' id='%i'><show>away</show><status>back "
                 "soon</status><priority>5</priority><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' "
                 "node='https://gajim.org' ver='sJA3DZKBmZUAdGpBNQFc+BCLXEU='/><x xmlns='vcard-temp:x:update'><photo>"
                 "7f8a3c11e0b94d52a6f14b7c9d03e85a62b1f4aa</photo></x></presence>"},
    {"unavailable", "<presence from='juliet@%f/Gajim.7K2Q9X' to='romeo@%t' type='unavailable' id='%i'/>"},
    {"probe", "<presence from='juliet@%f' to='romeo@%t' type='probe' id='%i'/>"},
    {"room presence", "<presence from='stage@%f/nurse' to='romeo@%t/phone' id='%i'><show>away</show><c "
                      "xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://gajim.org' "
                      "ver='sJA3DZKBmZUAdGpBNQFc+BCLXEU='/><x xmlns='http://jabber.org/protocol/muc#user'><item "
                      "affiliation='member' role='participant'/><status code='110'/></x></presence>"},
    {"room message",
        "<message from='stage@%f/nurse' to='romeo@%t/phone' type='groupchat' id='%i'><body>Hie you to church; I must "
        "another way</body><stanza-id xmlns='urn:xmpp:sid:0' by='stage@%f' id='20260301-5f0c7c52'/><occupant-id "
        "xmlns='urn:xmpp:occupant-id:0' id='dd72603deec90a38ba552f7c68cbcc61'/></message>"},
    {"ping", "<iq type='get' id='%i' from='%f' to='%t'><ping xmlns='urn:xmpp:ping'/></iq>"},
    {"ping answer", "<iq type='result' id='%i' from='%f' to='%t'/>"},
    {"disco query", "<iq type='get' id='%i' from='juliet@%f/Gajim.7K2Q9X' to='%t'><query "
                    "xmlns='http://jabber.org/protocol/disco#info'/></iq>"},
    {"disco answer",
        "<iq type='result' id='%i' from='%f' to='romeo@%t/phone'><query xmlns='http://jabber.org/protocol/disco#info'>"
        "<identity category='server' type='im' name='Old server'/><feature "
        "var='http://jabber.org/protocol/disco#info'/>"
        "<feature var='http://jabber.org/protocol/disco#items'/><feature var='urn:xmpp:ping'/><feature "
        "var='jabber:iq:version'/><feature var='vcard-temp'/></query></iq>"},
};

static const struct payload_row payloads[] = {
    {"message", "chat messages, N bytes each in all", 300, true, {"plain message"}},
    {"body", "chat messages with a body of N bytes", 2048, false, {"plain message"}},
    {"mix", "a server's traffic: messages, receipts, chat states, presence, a room, iq", 0, false,
        {"message", "receipt", "room presence", "message", "room presence", "disco query", "composing", "presence",
            "ping", "room message", "receipt", "ping answer"}},
    {"presence", "a presence storm: half of a server's contacts come and go", 0, false,
        {"presence", "probe", "presence", "unavailable"}},
    {"room", "a busy room with people who join and talk", 0, false,
        {"room presence", "room presence", "room message", "room presence", "room message"}},
    {"chat", "two people: composing, message, receipt", 0, false, {"composing", "message", "receipt"}},
    {"iq", "service discovery and pings", 0, false, {"disco query", "disco answer", "ping", "ping answer"}},
};

const struct payload_row *payload_row_at(size_t i)
{
	return i < ARRAY_LEN(payloads) ? &payloads[i] : NULL;
}

const struct payload_row *payload_row(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(payloads); i++)
		if (span_eq(span_of(payloads[i].name), name))
			return &payloads[i];
	return NULL;
}

const struct shape_row *payload_shape(const char *name)
{
	size_t i = 0;

	while (i < ARRAY_LEN(shapes) && strcmp(shapes[i].name, name) != 0)
		i++;
	ENSURE(i < ARRAY_LEN(shapes));
	return &shapes[i];
}
