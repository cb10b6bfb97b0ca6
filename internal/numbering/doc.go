// Package numbering turns telephone numbers, however a PBX or a law firm
// writes them, into the one canonical form that smokepop compares.
//
// Two writings are the same number exactly if their canonical form is the
// same; nothing is ever compared by its tail. The canonical form is E.164 with
// the plus where a number has one, else the digits as they are dialled (short
// services such as 131114 in Australia or 101 in the United Kingdom).
//
// What is a number in which country is nyaruka/phonenumbers' knowledge; this
// package is its only importer and writes no number plan of its own. It knows
// how people and PBXs write numbers, and nothing of calls or contacts.
package numbering
