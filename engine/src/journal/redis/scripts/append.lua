-- ARGV from 5: number of the new group, its last record, its frame, then numbers and bytes of
-- the documents that its records refer to.
-- The first group of a connection, and whatever may be there already or was touched by
-- somebody; all others are added by plain commands. XADD refuses a group that is not above
-- every earlier one; so many entries as there are groups are all of them.
local function put_documents()
  for at = 8, #ARGV, 2 do
    redis.call('HSET', KEYS[3], ARGV[at], ARGV[at + 1])
  end
end

local id = ARGV[5] .. '-0'
if ends_with(tonumber(ARGV[3])) then
  put_documents()
  redis.call('XADD', KEYS[1], id, 'f', ARGV[7], 's', ARGV[6])
  return {'OK'}
end
local there = redis.call('XRANGE', KEYS[1], id, id)
if ends_with(tonumber(ARGV[5])) and there[1] and there[1][2][2] == ARGV[7] then
  -- The very same group again, after a reply that was lost. Writing the lease makes
  -- WAIT and the sync before the reply cover the group as well.
  put_documents()
  renew()
  return {'OK'}
end
return behind()
