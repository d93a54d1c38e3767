-- Taking due heads of free lanes. Costs what it takes, not what waits.

-- Shares the limit between fresh ones and retries; also tells when the first one left behind is due.
local function choose(fresh, again)
    local half = math.ceil(A.limit / 2)
    if A.limit == 1 then half = A.toss end
    local for_again = math.min(#again, A.limit - math.min(half, #fresh), A.retries)
    local for_fresh = math.min(#fresh, A.limit - for_again)
    local chosen = {}
    for i = 1, for_fresh do chosen[#chosen + 1] = fresh[i] end
    for i = 1, for_again do chosen[#chosen + 1] = again[i] end
    table.sort(chosen, function(a, b)
        if a.due ~= b.due then return a.due < b.due end
        return a.member < b.member
    end)
    local left_fresh, left_again = fresh[for_fresh + 1], again[for_again + 1]
    return chosen, earlier(left_fresh and left_fresh.due, left_again and left_again.due)
end

-- The fields of a delivery that are told, in the order in which the gateway reads them.
local TOLD = {
    'receipt', 'event', 'route', 'attempts', 'tries', 'created', 'due', 'n', 'lane', 'batch', 'supersede',
}

-- Deliveries that are pending, each as its fields, what it carries, and its slot.
local function pending_of(chosen)
    local found = {}
    for _, candidate in ipairs(chosen) do
        local id = candidate.id
        local row = redis.call('HMGET', key('d', id), 'state', unpack(TOLD))
        if table.remove(row, 1) == 'pending' then
            local goods = redis.call('GET', key('db', id))
            found[#found + 1] = {id, row, goods, slot_of({id = id, lane = row[9]})}
        end
    end
    return found
end

-- Takes candidates out of the two sets. That is the first write, which a server must take that is full.
local function take_out(chosen)
    local sets = {}
    for _, candidate in ipairs(chosen) do
        sets[candidate.set] = sets[candidate.set] or {}
        table.insert(sets[candidate.set], candidate.member)
    end
    for set, members in pairs(sets) do call_with('ZREM', set, members) end
end

-- Leases what is wanted: id, fields, goods and token of each; then, empty where there is none, when the next
-- one is due, when the first of the leases given before ends, and since when attempts fail.
function ops.claim()
    local state = condition_of(A.to)
    local failing = state.failing and int(state.failing) or ''
    if state.paused then return {{}, '', '', failing} end
    local ends = notice_ends(A.to)
    hush()
    local fresh, next_fresh = due_of(key('fresh', A.to), A.limit)
    local again, next_again = due_of(key('again', A.to), A.limit)
    local chosen, left = choose(fresh, again)
    take_out(chosen)
    local leased, wanted = pending_of(chosen), {}
    for i, one in ipairs(leased) do wanted[i] = {one[4], one[1]} end
    local tokens = lend(kind_of(A.to), wanted)
    for i, one in ipairs(leased) do one[4] = tokens[i] end
    return {leased, told(earlier(left, earlier(next_fresh, next_again))), told(ends), failing}
end
