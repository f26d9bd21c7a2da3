-- ARGV[5], if there: the stream may end with any group.
if not whole or not ARGV[5] and group ~= tonumber(ARGV[3]) then
  return {'BEHIND', group, seq, entries}
end
renew()
return {'OK'}
