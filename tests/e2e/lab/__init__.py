"""A throw-away network with real XMPP servers in it.  Only what Debian 12 packages is used.

Network  namespaces on one bridge, DNS and certificates  (net, dns, ca)
Ejabberd, Prosody, Jabberd2  old servers, Debian's own configuration  (ejabberd, prosody, jabberd2)
StrictPeer  a server that keeps the manifesto  (prosody)
Gateway  sallyport with its redirect  (gateway)
Client  an XMPP user  (client)
Lab  holds all of them and takes them down again, whatever happened  (lab)
"""
