// The Lua scripts: each is one atomic step. In every one the reading of what this consumer owns is one range call whose
// COUNT covers all that lies between the lowest and the highest id asked for.
#pragma once

namespace eventbus::redis_streams::scripts {

// KEYS stream, dead letters. ARGV group, consumer, lowest id, highest id, maximal length (0: none), the time as text,
// then five a settlement: action (a, r, d), id, count, and for r: idle, count to leave; for d: the field `dead`, the
// retries. Returns a SettleStatus each, or a text where a command was refused, or 0 for a dead letter that was not
// looked at since enough bytes were copied for one call.
// The order of a dead letter survives an error at any point: read, add, and only then acknowledge.
inline constexpr char settle[] = R"(
local owned = {}
for _, e in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[4], 1000000, ARGV[2])) do owned[e[1]] = e[4] end
local stale = {dead = 1, original_message_id = 1, retry_count = 1, dlq_timestamp = 1}
local function letter(f, id, dead, retries)
  local has = {}
  for i = 1, #f, 2 do has[f[i]] = true end
  if has.event_type and has.payload and not has.meta then
    local out = {}
    for i = 1, #f, 2 do
      if not stale[f[i]] then
        out[#out + 1] = f[i]
        out[#out + 1] = f[i + 1]
      end
    end
    f = out
    for _, v in ipairs({'original_message_id', id, 'retry_count', retries, 'dlq_timestamp', ARGV[6]}) do f[#f + 1] = v end
  end
  f[#f + 1] = 'dead'
  f[#f + 1] = dead
  return f
end
local copied, most = 0, 4194304
local out, acks = {}, {'XACK', KEYS[1], ARGV[1]}
for at = 7, #ARGV, 5 do
  local action, id, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local status = 1
  if not owned[id] then
    status = #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1) == 0 and 2 or 3
  elseif owned[id] ~= count then
    status = 3
  elseif action == 'a' then
    acks[#acks + 1] = id
  elseif action == 'r' then
    local r = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'IDLE', ARGV[at + 3], 'RETRYCOUNT', ARGV[at + 4], 'JUSTID')
    if #r == 0 then status = 4 end
  elseif copied >= most then
    status = 0
  else
    local e = redis.call('XRANGE', KEYS[1], id, id)
    if #e == 0 then
      redis.call('XACK', KEYS[1], ARGV[1], id)
      status = 4
    elseif #e[1][2] > 7000 then
      status = 'ERR the entry has too many fields for a script to copy'
    else
      local f = letter(e[1][2], id, ARGV[at + 3], ARGV[at + 4])
      for _, v in ipairs(f) do copied = copied + #v end
      local r
      if ARGV[5] == '0' then
        r = redis.pcall('XADD', KEYS[2], '*', unpack(f))
      else
        r = redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', unpack(f))
      end
      if type(r) == 'table' and r.err then status = r.err else redis.call('XACK', KEYS[1], ARGV[1], id) end
    end
  end
  out[#out + 1] = status
end
if #acks > 3 then redis.call(unpack(acks)) end
return out
)";

// KEYS stream. ARGV group, consumer, lowest, highest, count (1 or 0), then id and count a token. Returns a triple each:
// HoldStatus, the new count, the fields.
inline constexpr char redeliver[] = R"(
local owned = {}
for _, e in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[4], 1000000, ARGV[2])) do owned[e[1]] = e[4] end
local out = {}
for at = 6, #ARGV, 2 do
  local id = ARGV[at]
  if not owned[id] or owned[id] ~= tonumber(ARGV[at + 1]) then
    out[#out + 1] = {2}
  else
    local count = owned[id]
    local r
    if ARGV[5] == '1' then
      r = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id)
      count = count + 1
    else
      redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID')
      r = redis.call('XRANGE', KEYS[1], id, id)
    end
    if #r == 0 or not r[1] then
      redis.call('XACK', KEYS[1], ARGV[1], id)
      out[#out + 1] = {3}
    else
      out[#out + 1] = {1, count, r[1][2]}
    end
  end
end
return out
)";

// KEYS stream. ARGV group, consumer, lowest, highest, then id and count a token. Returns a HoldStatus each.
inline constexpr char renew[] = R"(
local owned = {}
for _, e in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[4], 1000000, ARGV[2])) do owned[e[1]] = e[4] end
local claim = {'XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0}
for at = 5, #ARGV, 2 do
  if owned[ARGV[at]] == tonumber(ARGV[at + 1]) then claim[#claim + 1] = ARGV[at] end
end
local renewed = {}
if #claim > 5 then
  claim[#claim + 1] = 'JUSTID'
  for _, id in ipairs(redis.call(unpack(claim))) do renewed[id] = true end
end
local out = {}
for at = 5, #ARGV, 2 do
  local id = ARGV[at]
  if owned[id] ~= tonumber(ARGV[at + 1]) then
    out[#out + 1] = 2
  else
    out[#out + 1] = renewed[id] and 1 or 3
  end
end
return out
)";

// KEYS stream, marks. ARGV group. Writes the group's low-water mark: the lesser of the oldest pending minus one and the
// last delivered.
inline constexpr char mark[] = R"(
local mark
for _, g in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local m = {}
  for i = 1, #g, 2 do m[g[i]] = g[i + 1] end
  if m['name'] == ARGV[1] then mark = m['last-delivered-id'] end
end
if not mark then return false end
local oldest = redis.call('XPENDING', KEYS[1], ARGV[1])[2]
if oldest then
  local ms, seq = oldest:match('^(%d+)-(%d+)$')
  if seq ~= '0' then
    mark = ms .. '-' .. string.format('%.0f', tonumber(seq) - 1)
  elseif ms ~= '0' then
    mark = string.format('%.0f', tonumber(ms) - 1) .. '-18446744073709551615'
  else
    mark = '0-0'
  end
end
redis.call('HSET', KEYS[2], ARGV[1], mark)
return mark
)";

// KEYS name. ARGV value, ":" and nonce, lease. Extends the lease of the name, or takes it again where it ran out.
// Returns 1, or the value of the one who has it. Extending works also where memory is full, setting does not.
inline constexpr char keep_name[] = R"(
local v = redis.call('GET', KEYS[1])
if v == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 1
end
if not v or v:sub(-#ARGV[2]) == ARGV[2] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
  return 1
end
return v
)";

// KEYS name. ARGV the value seen, the new value, lease. Takes the name over from a holder that is gone.
inline constexpr char take_name[] = R"(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
)";

// KEYS name, stream. ARGV ":" and nonce, group, consumer. Frees the name; removes the consumer if it has nothing
// pending, since removing it drops what it has.
inline constexpr char leave[] = R"(
local v = redis.call('GET', KEYS[1])
if not v or v:sub(-#ARGV[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
local p = redis.pcall('XPENDING', KEYS[2], ARGV[2], '-', '+', 1, ARGV[3])
if not p.err and #p == 0 then redis.pcall('XGROUP', 'DELCONSUMER', KEYS[2], ARGV[2], ARGV[3]) end
return 1
)";

// KEYS name, stream. ARGV group, consumer. Removes a consumer that no process is, if it has nothing pending.
inline constexpr char remove_consumer[] = R"(
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
if #redis.call('XPENDING', KEYS[2], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[2], ARGV[1], ARGV[2])
return 1
)";

// KEYS dead letters, stream. ARGV id, group or "". Returns the new id, or nil.
inline constexpr char replay[] = R"(
local e = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if #e == 0 then return false end
local f, out, has, ours = e[1][2], {}, {}, {dead = 1, only_group = 1}
for i = 1, #f, 2 do has[f[i]] = true end
if has.event_type and has.payload and not has.meta then
  ours.original_message_id, ours.retry_count, ours.dlq_timestamp = 1, 1, 1
end
for i = 1, #f, 2 do
  if not ours[f[i]] then
    out[#out + 1] = f[i]
    out[#out + 1] = f[i + 1]
  end
end
if ARGV[2] ~= '' then
  out[#out + 1] = 'only_group'
  out[#out + 1] = ARGV[2]
end
local id = redis.call('XADD', KEYS[2], '*', unpack(out))
redis.call('XDEL', KEYS[1], ARGV[1])
return id
)";

// KEYS stream. ARGV maximal length, maximal age in milliseconds, hard maximal length, each 0 for none. Returns what was
// trimmed, how much of that a group still needed, whether to go on, the milliseconds that the last id lies in the
// future. One call does a bounded amount: whole nodes first, which costs little, and then single entries, whose ids are
// read in small pages since the payloads come with them.
inline constexpr char trim[] = R"(
local max_length, max_age, hard = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local key, most_nodes, most_entries = KEYS[1], 100000, 1000
local function less(a, b)
  local am, as = a:match('^(%d+)-(%d+)$')
  local bm, bs = b:match('^(%d+)-(%d+)$')
  if am == bm then am, bm = as, bs end
  if #am ~= #bm then return #am < #bm end
  return am < bm
end
local function named(list)
  local m = {}
  for i = 1, #list, 2 do m[list[i]] = list[i + 1] end
  return m
end
local stream = redis.pcall('XINFO', 'STREAM', key)
if stream.err then
  if stream.err:find('no such key', 1, true) then return {0, 0, 0, 0} end
  return stream
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ahead = math.max(0, tonumber(named(stream)['last-generated-id']:match('^%d+')) - now)

-- Below the floor no group needs anything; beyond `read` some group has read nothing.
local highest = '18446744073709551615-18446744073709551615'
local floor, read, groups = highest, highest, {}
for _, g in ipairs(redis.call('XINFO', 'GROUPS', key)) do
  local group = named(g)
  local last = group['last-delivered-id']
  local need = redis.call('XPENDING', key, group['name'])[2]
  if not need then
    local ms, seq = last:match('^(%d+)-(%d+)$')
    need = #seq < 15 and ms .. '-' .. string.format('%.0f', tonumber(seq) + 1) or last
  end
  if less(need, floor) then floor = need end
  if less(last, read) then read = last end
  groups[#groups + 1] = group['name']
end

local trimmed, lost, more = 0, 0, 0
if max_age > 0 then
  local oldest = string.format('%.0f-0', math.max(0, now - max_age))
  if less(floor, oldest) then oldest = floor end
  trimmed = redis.call('XTRIM', key, 'MINID', '~', oldest, 'LIMIT', most_nodes)
  if trimmed * 2 < most_nodes then
    trimmed = trimmed + redis.call('XTRIM', key, 'MINID', oldest)
  else
    more = 1
  end
end

-- The ids of the oldest entries, and the one that follows them.
local function oldest_ids(count)
  local ids, from = {}, '-'
  while #ids <= count do
    local page = redis.call('XRANGE', key, from, '+', 'COUNT', math.min(10, count + 1 - #ids))
    for _, e in ipairs(page) do ids[#ids + 1] = e[1] end
    if #page == 0 then break end
    from = '(' .. ids[#ids]
  end
  return ids
end
local function excess(limit) return redis.call('XLEN', key) - limit end

local wanted = max_length
if hard > 0 and (wanted == 0 or hard < wanted) then wanted = hard end
if wanted > 0 and excess(wanted) > 0 then
  trimmed = trimmed + redis.call('XTRIM', key, 'MINID', '~', floor, 'LIMIT', math.min(excess(wanted), most_nodes))
  local left = excess(wanted)
  if left > 0 then
    local ids = oldest_ids(math.min(left, most_entries))
    local keep = ids[#ids]
    if less(floor, keep) then keep = floor end
    local cut = redis.call('XTRIM', key, 'MINID', keep)
    trimmed = trimmed + cut
    if cut > 0 and cut < left then more = 1 end
  end
end

if hard > 0 and excess(hard) > 0 and more == 0 then
  local count = math.min(excess(hard), most_entries)
  local ids = oldest_ids(count)
  local needed = {}
  for _, group in ipairs(groups) do
    for _, e in ipairs(redis.call('XPENDING', key, group, ids[1], ids[count], 1000000)) do needed[e[1]] = true end
  end
  for i = 1, count do
    if needed[ids[i]] or less(read, ids[i]) then lost = lost + 1 end
  end
  if ids[count + 1] then
    trimmed = trimmed + redis.call('XTRIM', key, 'MINID', ids[count + 1])
  else
    trimmed = trimmed + redis.call('XTRIM', key, 'MAXLEN', 0)
  end
  if excess(hard) > 0 then more = 1 end
end
return {trimmed, lost, more, ahead}
)";

// KEYS key. ARGV the claim, lease, what a key that is done holds. Returns an IdempotencyStore::Claim.
inline constexpr char begin_once[] = R"(
local v = redis.call('GET', KEYS[1])
if v == ARGV[3] then return 3 end
if v then return 2 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
)";

// KEYS key. ARGV the claim. Frees the key if that is what it holds.
inline constexpr char cancel_once[] = R"(
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
)";

}  // namespace eventbus::redis_streams::scripts
