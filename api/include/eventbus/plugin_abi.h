/* The edge between a host and a backend plugin: pure C11, the contract that both sides are compiled against.
 *
 * A plugin exports one function, eventbus_plugin_v1, which returns a constant descriptor. What each call means is said
 * in backend.hpp, call by call; this header says how it crosses.
 *
 * Versions: the major is in the symbol's name. A minor version only appends: fields at the end of a struct, enum
 * values, facet ids. Every struct passed by pointer begins with its size as the writer knows it; a reader looks at a
 * field only if the size covers it. What is embedded or is an array's element never grows, so batches are arrays of
 * pointers. Memory: what a pointer shows belongs to the side that passes it and lives for the call. Nothing is freed
 * across. Errors: calls return EB_OK or an error code, and then fill the caller's eb_error. No exception crosses.
 * Threads: [thread-safe] calls may come from any thread at any time; [receiver] calls never overlap one another, except
 *   a receive with max 0; [alone] calls overlap nothing on their instance. */
#ifndef EVENTBUS_PLUGIN_ABI_H
#define EVENTBUS_PLUGIN_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define EB_NOEXCEPT noexcept
#define EB_STATIC_ASSERT static_assert
extern "C" {
#else
#define EB_NOEXCEPT
#define EB_STATIC_ASSERT _Static_assert
#endif

#define EB_ABI_MAJOR 1
#define EB_ABI_MINOR 0
#define EB_OK 0

typedef struct eb_text { /* bytes, not terminated; data may be NULL if size is 0 */
  const char* data;
  size_t size;
} eb_text;

typedef struct eb_error {
  uint32_t struct_size;
  int32_t code;        /* ErrorCode of error.hpp */
  int32_t retryable;   /* 0 or 1 */
  int32_t native_code; /* what the plugin's own library or system call gave; 0: nothing */
  char* message;       /* the caller's buffer; the callee writes at most message_capacity bytes */
  size_t message_capacity;
  size_t message_size; /* of the whole text, which may be more than was written */
} eb_error;

typedef struct eb_position {
  uint64_t high, low;
} eb_position;

typedef struct eb_token {
  eb_position position;
  uint32_t attempt;
  uint32_t reserved;
} eb_token;

typedef struct eb_header {
  eb_text name, value;
} eb_header;

typedef struct eb_event {
  uint32_t struct_size;
  eb_text id, type, aggregate_id, aggregate_type;
  int64_t aggregate_version;
  int64_t occurred_at_us;
  const eb_header* headers;
  size_t header_count;
  eb_text payload;
} eb_event;

typedef struct eb_delivery {
  uint32_t struct_size;
  eb_token token;
  const eb_event* event;
  eb_text undecodable; /* not empty: why this entry is no event */
  eb_text only_group;  /* not empty: replayed for this group alone */
} eb_delivery;

typedef struct eb_append_result {
  uint32_t struct_size;
  int32_t status; /* AppendStatus */
  eb_position position;
  eb_error* error; /* the caller's; filled unless written */
} eb_append_result;

typedef struct eb_settlement {
  uint32_t struct_size;
  eb_token token;
  int32_t action; /* SettleAction */
  int32_t guarded;
  uint32_t release_count;
  int64_t release_delay_ms;
  eb_text dead_handler, dead_reason; /* dead_letter only, as the next three */
  uint32_t dead_attempts;
  int64_t dead_first_failed_us, dead_last_failed_us;
} eb_settlement;

typedef struct eb_settle_result {
  uint32_t struct_size;
  int32_t status; /* SettleStatus */
  int32_t retryable;
  eb_text error;
} eb_settle_result;

typedef struct eb_dead_letter {
  uint32_t struct_size;
  eb_position position;
  const eb_event* event;
  eb_position original_position;
  eb_text group, consumer, handler, reason;
  uint32_t attempts;
  int64_t first_failed_us, last_failed_us;
} eb_dead_letter;

typedef struct eb_start {
  uint32_t struct_size;
  int32_t kind; /* StartFrom::Kind */
  eb_position position;
  int64_t time_us;
} eb_start;

typedef struct eb_capabilities {
  uint32_t struct_size;
  int32_t durable, cross_process, competing_consumers, ordered, inline_dispatch;
  uint64_t max_payload_bytes;
} eb_capabilities;

typedef struct eb_settings {
  uint32_t struct_size;
  eb_text stream_prefix, stream, dead_letter_stream, group, consumer;
  int64_t lease_ms, block_ms;
  uint64_t dead_letter_max_length;
  eb_text config_json;
} eb_settings;

/* What the host offers; lives longer than the instance. [thread-safe] */
typedef struct eb_host {
  uint32_t struct_size;
  void* context;
  void (*log)(void* context, int32_t level, eb_text message);
  void (*signal)(void* context, int32_t signal, uint64_t count); /* BackendSignal */
} eb_host;

/* Sinks are called on the calling thread, during the call that they were passed to. Nonzero: the host met an error; the
 * call returns as soon as it can, with any code. */
typedef int32_t (*eb_deliveries_sink)(void* context, const eb_delivery* const* batch, size_t count);
typedef int32_t (*eb_settled_sink)(void* context, const eb_settle_result* const* results, size_t count);
typedef int32_t (*eb_tokens_sink)(void* context, const eb_token* tokens, size_t count);
typedef int32_t (*eb_positions_sink)(void* context, const eb_position* positions, size_t count);
typedef int32_t (*eb_dead_letter_sink)(void* context, const eb_dead_letter* entry);

typedef struct eb_backend eb_backend; /* an instance; the plugin's own business */

typedef struct eb_functions {
  uint32_t struct_size;
  /* [alone] */
  int32_t (*create)(const eb_settings*, const eb_host*, eb_backend** out, eb_error*);
  void (*destroy)(eb_backend*); /* closes, joins every thread */
  /* [receiver]; where it restores what was lost, [thread-safe] calls go on beside it */
  int32_t (*open)(eb_backend*, int32_t role, const eb_start*, eb_error*);
  /* [alone] */
  void (*close)(eb_backend*);
  /* [thread-safe] */
  int32_t (*append)(eb_backend*, const eb_event* const* events, size_t count, eb_append_result* const* results,
                    eb_error*);
  int32_t (*redeliver)(eb_backend*, const eb_token* tokens, size_t count, int32_t counted, int32_t* hold_status,
                       eb_deliveries_sink, void* context, eb_error*);
  int32_t (*renew)(eb_backend*, const eb_token* tokens, size_t count, int32_t* hold_status, eb_error*);
  int32_t (*settle)(eb_backend*, const eb_settlement* const* settlements, size_t count, eb_settled_sink, void* context,
                    eb_error*);
  void (*wake)(eb_backend*);
  int32_t (*capabilities)(eb_backend*, eb_capabilities* out, eb_error*);
  const void* (*facet)(eb_backend*, const char* id); /* a table of functions, or NULL */
  /* [receiver] */
  int32_t (*receive)(eb_backend*, size_t max, int64_t wait_ms, const eb_settlement* const* settlements, size_t count,
                     eb_settled_sink, eb_deliveries_sink, void* context, eb_error*);
  int32_t (*resume)(eb_backend*, size_t max, eb_position from, eb_position* next, eb_tokens_sink, void* context,
                    eb_error*);
  int32_t (*claim)(eb_backend*, int64_t min_idle_ms, size_t max, eb_position from, eb_position* next, uint64_t* checked,
                   eb_tokens_sink, eb_positions_sink lost, void* context, eb_error*);
} eb_functions;

/* Facets: all calls [thread-safe]. `found` and `more` are 0 or 1. */
#define EB_FACET_DEAD_LETTERS "eventbus.dead_letters/1"
typedef struct eb_dead_letters {
  uint32_t struct_size;
  int32_t (*list)(eb_backend*, eb_position after, size_t limit, eb_text type, eb_text group, eb_dead_letter_sink,
                  void* context, int32_t* more, eb_position* next, eb_error*);
  int32_t (*replay)(eb_backend*, eb_position, eb_text only_group, int32_t* found, eb_position* out, eb_error*);
  int32_t (*purge)(eb_backend*, const eb_position* positions, size_t count, int32_t by_age, int64_t older_than_us,
                   int32_t all, uint64_t* purged, eb_error*);
  int32_t (*add)(eb_backend*, const eb_dead_letter* const* entries, size_t count, uint64_t* added, eb_error*);
} eb_dead_letters;

#define EB_FACET_HISTORY "eventbus.history/1"
typedef struct eb_history {
  uint32_t struct_size;
  /* times in microseconds; INT64_MIN: not given */
  int32_t (*read)(eb_backend*, eb_position from, eb_position to, int64_t from_time_us, int64_t to_time_us, size_t limit,
                  eb_deliveries_sink, void* context, int32_t* more, eb_position* next, eb_error*);
} eb_history;

typedef struct eb_stream_info {
  uint32_t struct_size;
  int32_t exists;
  uint64_t length;
  int32_t has_first, has_last, has_dead_letters;
  eb_position first, last;
  uint64_t dead_letters;
} eb_stream_info;
typedef struct eb_group_info {
  uint32_t struct_size;
  eb_text name;
  uint64_t pending;
  int32_t has_lag, has_last_delivered;
  uint64_t lag;
  eb_position last_delivered;
} eb_group_info;
typedef struct eb_consumer_info { /* of the group that was told last */
  uint32_t struct_size;
  eb_text name;
  uint64_t pending;
  int64_t idle_ms; /* below 0: unknown */
} eb_consumer_info;

#define EB_FACET_INSPECTION "eventbus.inspection/1"
typedef struct eb_inspection {
  uint32_t struct_size;
  int32_t (*stream_info)(eb_backend*, eb_stream_info* out, int32_t (*group)(void* context, const eb_group_info*),
                         int32_t (*consumer)(void* context, const eb_consumer_info*), void* context, eb_error*);
} eb_inspection;

#define EB_FACET_RETENTION "eventbus.retention/1"
typedef struct eb_retention {
  uint32_t struct_size;
  int32_t (*trim)(eb_backend*, uint64_t max_length, int64_t max_age_ms, uint64_t hard_max_length, uint64_t* trimmed,
                  uint64_t* lost, eb_error*);
} eb_retention;

#define EB_FACET_IDEMPOTENCY "eventbus.idempotency/1"
typedef struct eb_idempotency {
  uint32_t struct_size;
  int32_t (*begin)(eb_backend*, eb_text key, eb_text owner, int64_t lease_ms, int32_t* claim, /* Claim */
                   eb_error*);
  int32_t (*finish)(eb_backend*, eb_text key, int64_t window_ms, eb_error*);
  int32_t (*cancel)(eb_backend*, eb_text key, eb_text owner, eb_error*);
} eb_idempotency;

typedef struct eb_plugin {
  uint32_t struct_size;
  uint32_t abi_major, abi_minor;
  uint32_t min_host_minor; /* the host's minor must be at least this */
  const char *name, *version, *vendor, *description, *license, *build_info;
  const char* config_schema_json; /* of the backend's own section; see docs/configuration.md */
  const eb_functions* functions;
} eb_plugin;

/* The one exported symbol of a plugin: no side effects, constant result, any thread. */
typedef const eb_plugin* (*eventbus_plugin_v1_function)(void);
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const eb_plugin*
eventbus_plugin_v1(void) EB_NOEXCEPT;

#if UINTPTR_MAX == UINT64_MAX
EB_STATIC_ASSERT(sizeof(eb_text) == 16 && sizeof(eb_position) == 16 && sizeof(eb_token) == 24, "frozen layout");
EB_STATIC_ASSERT(sizeof(eb_header) == 32 && sizeof(eb_error) == 40 && sizeof(eb_event) == 120, "frozen layout");
EB_STATIC_ASSERT(offsetof(eb_error, message) == 16 && offsetof(eb_event, payload) == 104, "frozen layout");
EB_STATIC_ASSERT(sizeof(eb_delivery) == 72 && offsetof(eb_delivery, only_group) == 56, "frozen layout");
EB_STATIC_ASSERT(sizeof(eb_append_result) == 32 && sizeof(eb_settle_result) == 32, "frozen layout");
EB_STATIC_ASSERT(sizeof(eb_settlement) == 112 && offsetof(eb_settlement, dead_handler) == 56, "frozen layout");
EB_STATIC_ASSERT(sizeof(eb_dead_letter) == 136 && sizeof(eb_start) == 32, "frozen layout");
EB_STATIC_ASSERT(sizeof(eb_capabilities) == 32 && sizeof(eb_settings) == 128, "frozen layout");
EB_STATIC_ASSERT(sizeof(eb_host) == 32 && sizeof(eb_functions) == 120, "frozen layout");
EB_STATIC_ASSERT(offsetof(eb_functions, append) == 40 && offsetof(eb_functions, claim) == 112, "frozen layout");
EB_STATIC_ASSERT(sizeof(eb_dead_letters) == 40 && sizeof(eb_history) == 16, "frozen layout");
EB_STATIC_ASSERT(sizeof(eb_inspection) == 16 && sizeof(eb_retention) == 16, "frozen layout");
EB_STATIC_ASSERT(sizeof(eb_idempotency) == 32 && offsetof(eb_idempotency, cancel) == 24, "frozen layout");
EB_STATIC_ASSERT(sizeof(eb_stream_info) == 72 && sizeof(eb_group_info) == 64, "frozen layout");
EB_STATIC_ASSERT(sizeof(eb_consumer_info) == 40 && sizeof(eb_plugin) == 80, "frozen layout");
EB_STATIC_ASSERT(offsetof(eb_plugin, functions) == 72, "frozen layout");
#endif

#ifdef __cplusplus
}
#endif

#endif
