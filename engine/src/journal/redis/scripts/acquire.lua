-- ARGV: token and name of the caller, its lease in ms.
local head = redis.call('HMGET', KEYS[2],
  'epoch', 'token', 'owner', 'until', 'origin', 'origin_seq', 'origin_chain')
local entries = redis.call('XLEN', KEYS[1])

if not head[1] and entries > 0 then
  return {'HEADLESS', entries}
end
local left = tonumber(head[4] or 0) - now()
if left > 0 and head[2] ~= ARGV[1] then
  return {'HELD', head[3], left}
end
local epoch = tonumber(head[1] or 0)
-- The same caller again, after a reply that was lost, keeps its epoch.
if head[2] ~= ARGV[1] then
  epoch = epoch + 1
end
local group, seq = last()
redis.call('HSET', KEYS[2], 'epoch', epoch, 'token', ARGV[1], 'owner', ARGV[2],
  'until', now() + ARGV[3], 'group', group, 'seq', seq)
return {'TAKEN', epoch, group, seq, entries,
  tonumber(head[5] or 1), tonumber(head[6] or 1), head[7] or ''}
