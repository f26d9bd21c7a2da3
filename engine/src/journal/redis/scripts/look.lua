-- Begins every script but the one that takes the lease.
-- KEYS: the stream, its head, the documents. ARGV: epoch and token of the caller, its last group, its lease in ms.
-- The head says which group is the last one and which the first, so that the length of
-- the stream tells whether anybody removed or added anything.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function renew()
  redis.call('HSET', KEYS[2], 'until', now() + ARGV[4])
end

local head = redis.call('HMGET', KEYS[2], 'epoch', 'token', 'owner', 'group', 'seq', 'hash', 'origin')
local epoch, group, seq, origin =
  tonumber(head[1] or 0), tonumber(head[4] or 0), tonumber(head[5] or 0), tonumber(head[7] or 1)
local entries = redis.call('XLEN', KEYS[1])
local mine = tonumber(ARGV[1])

if epoch > mine or (epoch == mine and head[2] ~= ARGV[2]) then
  return {'FENCED', epoch, head[3] or ''}
end
local whole = epoch == mine and entries == group - origin + 1
