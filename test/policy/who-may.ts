// SPDX-License-Identifier: MIT
// Who may do what to which relation and function, in sentences. The matrix tries everything that the catalog names against it: a
// relation that no sentence is about fails, and so does a function that somebody but its owner may call without standing here.
import type { Callable, Relation } from './cells.ts'

export type Command = 'select' | 'insert' | 'update' | 'delete' | 'truncate' | 'references' | 'trigger' | 'usage'

const words = (text: string): string[] => text.trim().split(/\s+/)

const admins = ['admin', 'admin by psql']
const editors = [...admins, 'editor']
const viewers = [...editors, 'viewer']
const listeners = ['listener A', 'listener B', 'listener by psql']
const readers = [...viewers, ...listeners, 'member']
const speakers = ['speaker', 'speaker by psql']
const writers = [...editors, ...speakers, 'member']
const everybody = [...readers, ...speakers, 'anonymous']

interface Sentence {
  it: string
  /** Names, or a pattern of them. */
  of: string[] | RegExp
  is?: Relation['is']
  who: string[]
  may: Command[]
  /** Only with these columns. */
  columns?: string[]
}

export const sentences: Sentence[] = [
  {
    it: 'The owner keeps its tables, their partitions and sequences, and does with them what it wants.',
    of: /^tmidb(_parts)?\./,
    who: ['owner'],
    may: ['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger', 'usage'],
  },
  {
    it: 'An administrator reads the tables, and changes them by functions alone.',
    of: words(`access_grant access_role api_state audit audit_head audit_kind category chunk code_version connector_run connector_seen document field_setting geo_source geo_trace ingest_cursor
      instance ledger ledger_minute listener listener_subscriptions message_id migration migration_run permission_class published_view rate_count rate_limit raw_bucket
      removal request_limit rollup_chunk rollup_cursor rollup_day rollup_field rollup_hour rollup_minute rollup_series schema_version shape speaker
      stream_cursor target target_group ts_obs version_seen`).map((t) => `tmidb.${t}`),
    who: admins,
    may: ['select'],
  },
  {
    it: 'Of tokens an administrator sees everything but their hashes.',
    of: ['tmidb.token'],
    who: admins,
    may: ['select'],
    columns: words(
      'token_id prefix kind speaker_id listener_id account_id label scopes allow_from created_at expires_at used_at use_count revoked_at',
    ),
  },
  {
    it: 'The view of tokens stands on them, cut to who owns them.',
    of: ['tmidb.token'],
    who: ['views'],
    may: ['select'],
    columns: words(
      'token_id prefix kind speaker_id listener_id account_id label scopes allow_from created_at expires_at used_at use_count revoked_at',
    ),
  },
  {
    it: 'And on the names of who owns them.',
    of: ['tmidb.account'],
    who: ['views'],
    may: ['select'],
    columns: ['account_id', 'login'],
  },
  { it: 'Likewise.', of: ['tmidb.listener'], who: ['views'], may: ['select'], columns: ['listener_id', 'name'] },
  { it: 'Likewise.', of: ['tmidb.speaker'], who: ['views'], may: ['select'], columns: ['speaker_id', 'name'] },
  { it: 'Whoever has tokens sees its own.', of: ['api.token'], who: speakers, may: ['select'] },
  {
    it: 'Of accounts an administrator sees everything but the passwords.',
    of: ['tmidb.account'],
    who: admins,
    may: ['select'],
    columns:
      words(`account_id login email display_name role_id class_id speaker_id role_name created_at disabled_at password_changed_at
      must_change_password last_login_at`),
  },
  {
    it: 'Of sessions an administrator sees everything but the hashes of their secrets.',
    of: ['tmidb.session'],
    who: admins,
    may: ['select'],
    columns: words('session_id account_id created_at seen_at expires_at ends_at address agent'),
  },
  {
    it: 'What was spent and who tried is for nobody to see.',
    of: words('tmidb.spent_refresh tmidb.sign_in_try tmidb.login_to_end'),
    who: [],
    may: [],
  },
  {
    it: 'Of connectors an administrator sees everything but their secrets.',
    of: ['tmidb.ingest_connector'],
    who: admins,
    may: ['select'],
    columns:
      words(`connector_id name kind speaker_id category schedule is_enabled config state next_run_at run_id run_process run_until
      failures failing_since created_at`),
  },
  { it: 'What error codes mean is told to people.', of: ['tmidb.error_code'], who: viewers, may: ['select'] },
  {
    it: 'Views stand on readings and targets, cut by row security.',
    of: ['tmidb.ts_obs', 'tmidb.target'],
    who: ['views'],
    may: ['select'],
  },
  { it: 'Nobody but the owner opens a partition.', of: /^tmidb_parts\./, who: [], may: [] },
  { it: 'Nobody but the owner counts with a sequence.', of: /^tmidb\./, is: 'sequence', who: [], may: [] },
  {
    it: 'Who owns the views does with them what it wants, which is bound by row security; the owner of all may become that one.',
    of: /^api\./,
    is: 'view',
    who: ['views', 'owner'],
    may: ['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'],
  },
  { it: 'Readers read the views.', of: /^api\.(?!access_grant$|target_group$)/, is: 'view', who: readers, may: ['select'] },
  { it: 'Administrators see who was granted what.', of: ['api.access_grant', 'api.target_group'], who: admins, may: ['select'] },
  { it: 'Who may write writes readings into the views.', of: /^api\..*_v\d+$/, is: 'view', who: writers, may: ['insert'] },
  { it: 'Editors make targets.', of: ['api.target'], who: editors, may: ['insert'], columns: words('key name meta') },
  {
    it: 'Editors describe targets anew, members those that they were granted to.',
    of: ['api.target'],
    who: [...editors, 'member'],
    may: ['update'],
    columns: words('name meta'),
  },
  {
    it: 'People read what users add; the owner is a member of their roles.',
    of: ['app.note'],
    who: [...viewers, 'owner'],
    may: ['select'],
  },
  { it: 'Editors write what users add.', of: ['app.note'], who: [...editors, 'owner'], may: ['insert', 'update', 'delete'] },
  {
    it: 'Who made a table of its own does with it what it wants.',
    of: ['app.note'],
    who: ['admin by psql'],
    may: ['truncate', 'references', 'trigger'],
  },
]

const isAbout = ({ of, is }: Sentence, r: Relation): boolean =>
  (is === undefined || is === r.is) && (Array.isArray(of) ? of.includes(r.name) : of.test(r.name))

/** Sentences about a relation; the owner's own does not decide anything. */
export const about = (r: Relation): Sentence[] => sentences.slice(1).filter((s) => isAbout(s, r))

export function mayTouch(r: Relation, command: Command, who: string): boolean {
  return sentences.some((s) => isAbout(s, r) && s.columns === undefined && s.may.includes(command) && s.who.includes(who))
}

/** Whether a command is for some columns only, and for which and whom. */
export function columnsFor(r: Relation, command: Command): ((column: string, who: string) => boolean) | null {
  const some = sentences.filter((s) => s.columns !== undefined && isAbout(s, r) && s.may.includes(command))
  return some.length === 0 ? null : (column, who) => some.some((s) => s.who.includes(who) && s.columns?.includes(column))
}

interface Calls {
  it: string
  of: string
  who: string[]
}

const apiProcess = 'api process'
const edgeProcess = 'edge process'
const drainProcess = 'drain process'

export const calls: Calls[] = [
  {
    it: 'Whoever has tokens makes, exchanges and revokes its own.',
    of: `api.create_token api.rotate_token api.revoke_token tmidb.create_token tmidb.rotate_token tmidb.revoke_token`,
    who: [...readers, ...speakers],
  },
  { it: 'Readers ask why they do not see something.', of: 'api.explain_access', who: readers },
  {
    it: 'Administrators ask it for others, and look as others do.',
    of: 'tmidb.explain_access tmidb.viewed tmidb.view_as tmidb.newest_rows',
    who: admins,
  },
  {
    it: 'Administrators grant and take back.',
    of: `api.grant_access api.revoke_access api.create_group api.set_group api.remove_group api.create_role api.remove_role tmidb.access_grants
      tmidb.target_groups tmidb.group_members`,
    who: admins,
  },
  {
    it: 'Administrators set limits and look at the audit.',
    of: 'tmidb.set_rate_limit tmidb.audit_verify tmidb.audit_check tmidb.audit_text tmidb.audit_rows api.audit_events',
    who: admins,
  },
  { it: 'The doors count.', of: 'tmidb.rate_limits', who: [...admins, apiProcess, edgeProcess] },
  { it: 'The doors count.', of: 'tmidb.note_uses tmidb.lease_requests', who: [apiProcess, edgeProcess] },
  {
    it: 'The drain seals the audit and shows its head outside.',
    of: 'tmidb.seal_audit tmidb.audit_head_now',
    who: [drainProcess],
  },
  { it: 'The drain forgets old counts.', of: 'tmidb.forget_counts', who: [drainProcess] },
  {
    it: 'Anybody may know who it is and what it may see; the answers are cut to it. Views ask for everybody.',
    of: `tmidb.identity tmidb.rules tmidb.cutoffs tmidb.age_prefix tmidb.mask_at tmidb.unpack(integer,bytea) tmidb.bucket_start`,
    who: [...everybody, 'views'],
  },
  {
    it: 'Descriptions are made for anybody, cut to what it may see.',
    of: 'tmidb.schema_changes tmidb.visible_categories tmidb.may',
    who: everybody,
  },
  { it: 'Whoever is known is told who it is.', of: 'tmidb.me', who: [...readers, ...speakers] },
  { it: 'People see and end their sessions.', of: 'tmidb.sessions tmidb.end_session tmidb.end_sessions', who: readers },
  {
    it: 'Converting a value needs no right.',
    of: 'tmidb.to_boolean tmidb.to_exact tmidb.to_float tmidb.to_json tmidb.to_number tmidb.to_text',
    who: [...everybody, 'views', apiProcess, edgeProcess, drainProcess],
  },
  {
    it: 'Readers read.',
    of: `api.geo_box api.geo_last api.geo_near_target api.geo_nearest api.geo_track api.geo_track_geojson api.geo_within api.latest
      api.schema_changes api.series api.series_by_target api.time_bucket`,
    who: readers,
  },
  { it: 'Writers write.', of: 'api.ingest tmidb.ingest tmidb.row_payload tmidb.shard_of tmidb.target_key', who: writers },
  { it: 'People call what users add.', of: 'app.hello', who: viewers },
  { it: 'People look at schemas.', of: 'tmidb.schema_diff tmidb.schema_list tmidb.schema_of', who: viewers },
  { it: 'People and the API know which schemas are shown.', of: 'tmidb.exposed_schemas', who: [...viewers, apiProcess] },
  { it: 'People and processes know how far roll-ups are.', of: 'tmidb.rollup_lag', who: [...viewers, apiProcess, drainProcess] },
  {
    it: 'Editors make targets and mend what was refused.',
    of: 'tmidb.count_dead_letters tmidb.create_target tmidb.dead_letter tmidb.dead_letters tmidb.replay_dead_letter tmidb.replay_dead_letters',
    who: editors,
  },
  {
    it: 'Administrators administrate.',
    of: `api.create_listener api.create_speaker api.remove_listener api.remove_speaker tmidb.remove_listener tmidb.remove_speaker tmidb.drop_login
      api.subscribe api.unsubscribe
      tmidb.allow_introspection tmidb.api_status tmidb.connector_runs tmidb.connectors tmidb.create_account tmidb.create_connector
      tmidb.create_listener tmidb.create_login tmidb.create_speaker tmidb.describe_category tmidb.describe_field
      tmidb.discard_dead_letter tmidb.discard_dead_letters tmidb.edit_dead_letter tmidb.expose_schema tmidb.exposed_warnings tmidb.hide_schema
      tmidb.ingest_status tmidb.ledger_check tmidb.persist_document tmidb.pin_field tmidb.record_migration tmidb.reload_api tmidb.remove_connector
      tmidb.remove_document tmidb.rename_field tmidb.require_documents tmidb.rewrite_chunk tmidb.run_connector_now
      tmidb.set_aggregates tmidb.set_cold_after tmidb.set_connector tmidb.set_request_timeout tmidb.set_retention tmidb.set_rollups
      tmidb.set_strict tmidb.subscribe tmidb.unsubscribe tmidb.grant_access tmidb.revoke_access tmidb.create_group tmidb.set_group
      tmidb.remove_group tmidb.create_role tmidb.remove_role tmidb.accounts tmidb.open_account tmidb.set_account
      tmidb.set_account_role tmidb.disable_account tmidb.enable_account tmidb.remove_account tmidb.set_password_hash tmidb.set_session_limits
      api.set_account_role api.disable_account api.enable_account api.remove_account`,
    who: admins,
  },
  { it: 'The API introspects, administrators look on.', of: 'tmidb.introspection', who: [...admins, apiProcess] },
  {
    it: 'The drain keeps the house, administrators may too.',
    of: `tmidb.drop_expired tmidb.drop_expired_rollups tmidb.ensure_chunks tmidb.freeze_chunks tmidb.publish_views tmidb.roll_up
      tmidb.settle_rollups tmidb.store_parked`,
    who: [...admins, drainProcess],
  },
  {
    it: 'The API hands on what it read for classes; it asks nothing as itself.',
    of: 'tmidb.api_fingerprint tmidb.class_of tmidb.document_text tmidb.fanout tmidb.last_values tmidb.live_heads tmidb.note_api',
    who: [apiProcess],
  },
  {
    it: 'The doors ask who somebody is.',
    of: 'tmidb.take_sign_in tmidb.accept_sign_in tmidb.authenticate tmidb.authenticate_session tmidb.record_audit',
    who: [apiProcess, edgeProcess],
  },
  {
    it: 'The API opens sessions, and ends connections.',
    of: 'tmidb.end_logins tmidb.begin_session tmidb.refresh_session tmidb.change_password',
    who: [apiProcess],
  },
  { it: 'Processes listen.', of: 'tmidb.channel', who: [apiProcess, edgeProcess, drainProcess] },
  {
    it: 'The ways in know what there is.',
    of: 'tmidb.refused_targets tmidb.stored_upto tmidb.strict_categories',
    who: [edgeProcess],
  },
  {
    it: 'The drain stores, and runs connectors.',
    of: 'tmidb.fail_run tmidb.finish_run tmidb.ingest_batch tmidb.lease_connector tmidb.open_stream tmidb.tick_connectors',
    who: [drainProcess],
  },
]

const callers = new Map<string, string[]>()
for (const { of, who } of calls) for (const name of words(of)) callers.set(name, who)

/** What is not named is the owner's alone. */
export function mayCall({ name, short }: Callable, who: string): boolean {
  return who === 'owner' || ((callers.get(short) ?? callers.get(name))?.includes(who) ?? false)
}

/** Names here that are no functions any more; one with namesakes is said with its arguments. */
export const forgotten = (all: Callable[]): string[] =>
  [...callers.keys()].filter((name) => !all.some((f) => f.short === name || f.name === name))
