-- ARGV from 5: number of the new group, its last record, its hash, its frame, then numbers
-- and bytes of the documents that its records refer to.
local function put_documents()
  for at = 9, #ARGV, 2 do
    redis.call('HSET', KEYS[3], ARGV[at], ARGV[at + 1])
  end
end

if whole and group == tonumber(ARGV[5]) and head[6] == ARGV[7] then
  -- The very same group again, after a reply that was lost. Writing the lease makes
  -- WAIT and the sync before the reply cover the group as well.
  put_documents()
  renew()
  return {'OK'}
end
if not whole or group ~= tonumber(ARGV[3]) then
  return {'BEHIND', group, seq, entries}
end
put_documents()
redis.call('XADD', KEYS[1], ARGV[5] .. '-0', 'f', ARGV[8])
redis.call('HSET', KEYS[2], 'group', ARGV[5], 'seq', ARGV[6], 'hash', ARGV[7])
renew()
return {'OK'}
