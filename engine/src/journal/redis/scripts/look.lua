-- Begins every script but the one that takes the lease.
-- ARGV: epoch and token of the caller, its last group, its lease in ms.
-- The head says who owns the stream and which group is the first one, so that the length of
-- the stream tells whether anybody removed or added anything.
local function renew()
  local group, seq = last()
  redis.call('HSET', KEYS[2], 'group', group, 'seq', seq, 'until', now() + ARGV[4])
end

local head = redis.call('HMGET', KEYS[2], 'epoch', 'token', 'owner', 'origin', 'until')
local epoch, origin = tonumber(head[1] or 0), tonumber(head[4] or 1)
local entries = redis.call('XLEN', KEYS[1])
local mine = tonumber(ARGV[1])

if epoch > mine or (epoch == mine and head[2] ~= ARGV[2]) then
  return {'FENCED', epoch, head[3] or ''}
end

local function behind()
  local group, seq = last()
  return {'BEHIND', group, seq, entries}
end

-- True if all groups up to this one are there, and no other.
local function ends_with(group)
  return epoch == mine and entries == group - origin + 1
end
