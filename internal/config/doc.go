// Package config loads smokepop's configuration: YAML from a file, settings
// from the environment, secrets and agents from files beside it. It refuses
// what it does not understand and names every problem at once by its key path.
//
// It is the only importer of viper, which layers the defaults, the file and the
// environment; no viper type leaves it. The other packages get plain values
// that need no further checking. It opens no socket and asks nobody: whether
// what is configured also answers is not its business.
//
// # Environment
//
// Every key is also read from SMOKEPOP_ and its path in capitals, with "_" for
// the dots: listen.agents is SMOKEPOP_LISTEN_AGENTS. An element of a list is
// named by its index, counted from 0: tenants[0].smokeball.client_id is
// SMOKEPOP_TENANTS_0_SMOKEBALL_CLIENT_ID; the index after the last one adds an
// element. A variable for a whole list holds it as YAML and takes the place of
// the file's; a list of plain values may also be written with commas. The
// environment wins over the file, the file over the defaults. An empty variable
// counts as unset. Variables that are no key make a warning, since other
// programs may set some that begin like ours.
//
// # Files
//
// Every secret may stand in a file that <key>_file names instead; one trailing
// newline is not part of it. Setting both is refused, also when one of them
// comes from the environment. In <key>_file values, and only there,
// $CREDENTIALS_DIRECTORY is replaced. Relative paths start at the directory of
// the configuration file.
//
// # YAML
//
// One document. Keys that stand twice, anchors, aliases and merge keys are
// refused. A section or list without a value counts as not written; a single
// key without a value is refused. Extensions, area codes and the like may be
// written without quotes and keep their digits exactly, leading zeros too.
package config
