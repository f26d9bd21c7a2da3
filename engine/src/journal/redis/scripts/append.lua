-- ARGV from 5: number of the new group, its last record, its hash, its frame.
if whole and group == tonumber(ARGV[5]) and head[6] == ARGV[7] then
  -- The very same group again, after a reply that was lost. Writing the lease makes
  -- WAIT and the sync before the reply cover the group as well.
  renew()
  return {'OK'}
end
if not whole or group ~= tonumber(ARGV[3]) then
  return {'BEHIND', group, seq, entries}
end
redis.call('XADD', KEYS[1], ARGV[5] .. '-0', 'f', ARGV[8])
redis.call('HSET', KEYS[2], 'group', ARGV[5], 'seq', ARGV[6], 'hash', ARGV[7])
renew()
return {'OK'}
